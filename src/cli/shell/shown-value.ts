import { inspect } from 'node:util';
import { Utils } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { shownKeysIn } from '../../entities/index.js';
import { isBehind } from '../../database/mapped/mapped-metadata.js';

/** The most members of a list that are shown; Node's own limit. */
const MAX_SHOWN_MEMBERS = 100;

/** Returns a result as a person reads it: entities with their properties alone, in the way of plain objects. */
export function shownResult(em: SqlEntityManager, value: unknown, colors: boolean): string {
  return inspect(plainOf(em, value), { colors, maxArrayLength: MAX_SHOWN_MEMBERS, depth: 4 });
}

function plainOf(em: SqlEntityManager, value: unknown): unknown {
  if (Array.isArray(value))
    return value.map((one: unknown, index) => (index < MAX_SHOWN_MEMBERS ? plainOf(em, one) : one));
  if (typeof value === 'string') return shownKeysIn(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Utils.isEntity<object>(value, true)) return plainEntity(em, value);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plainOf(em, one)]));
}

/** Returns an entity, or a reference to one, as an object with the name of its class. */
function plainEntity(em: SqlEntityManager, given: object): object {
  const entity = 'unwrap' in given ? (given as { unwrap: () => object }).unwrap() : given;
  const meta = em.getMetadata().get(entity.constructor as never);
  const shown = namedObject(meta.className);
  for (const property of meta.props) {
    const value: unknown = (entity as Record<string, unknown>)[property.name];
    if (property.persist === false || isBehind(property) || value === undefined) continue;
    shown[property.name] =
      property.targetMeta && value !== null
        ? referenceOf(em, property.targetMeta.className, value)
        : plainOf(em, value);
  }
  return shown;
}

/** Returns a reference by the key alone: what it refers to has its own place. */
function referenceOf(em: SqlEntityManager, className: string, value: unknown): object {
  return Object.assign(namedObject(className), { id: plainOf(em, (value as { readonly id: unknown }).id) });
}

/** Returns an object that is shown with the name of a class. */
function namedObject(className: string): Record<string, unknown> {
  const made = {
    [className]: function (this: object): object {
      return this;
    },
  }[className]!;
  return Object.create(made.prototype as object) as Record<string, unknown>;
}
