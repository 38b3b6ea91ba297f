import { helper, type Transaction } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { CounterGroup, Touch } from '../declarations/counter-group.js';
import { touchedBy } from '../declarations/touches.js';
import type { Row } from '../sql/fragments.js';
import { valueOn } from './value-on-entity.js';
import { show } from './shown-values.js';

/** A value that a loaded target is to show of a property that was touched. */
interface Pending {
  readonly entity: object;
  readonly touch: Touch;
  readonly value: unknown;
}

/**
 * What loaded targets show of their touched properties: what the database has, but for a version only where the entity
 * had the row's last one. One that is stale keeps its own, so that MikroORM finds that out when it writes it.
 */
export class ShownTouches {
  readonly #current = new WeakSet<object>();
  readonly #pending: Pending[] = [];

  constructor(private readonly em: SqlEntityManager) {}

  /** Notes which of some loaded targets have the version of their row, which is locked from now on. */
  noteVersions({ target, counters }: CounterGroup, row: Row, entities: readonly object[]): void {
    const version = touchedBy(counters).find(({ touch }) => touch.isVersion)?.touch;
    if (!version) return;
    const stored = this.#read({ target }, version, row);
    for (const entity of entities) if (valueOn(entity, version) === stored) this.#current.add(entity);
  }

  /** Notes a target that was inserted by the transaction itself, and so has the version of its row. */
  noteInserted(entity: object): void {
    this.#current.add(entity);
  }

  /** Returns true for an entity that had the version of its row when this was locked. */
  isCurrent(entity: object): boolean {
    return this.#current.has(entity);
  }

  /** Notes what entities are to show after a statement that touched their row; `before` is the row before it. */
  touched(group: CounterGroup, touch: Touch, date: Date | undefined, before: Row, entities: readonly object[]): void {
    const value = date ?? Number(this.#read(group, touch, before)) + 1;
    for (const entity of entities) this.#pending.push({ entity, touch, value });
  }

  /** Notes what entities are to show of a row as it was read. */
  read(group: CounterGroup, row: Row, entities: readonly object[]): void {
    for (const { touch } of touchedBy(group.counters)) {
      const value = this.#read(group, touch, row);
      for (const entity of entities) this.#pending.push({ entity, touch, value });
    }
  }

  /** Lets the entities show what was noted, until a transaction is rolled back. */
  show(transaction: Transaction): void {
    for (const { entity, touch, value } of this.#pending.splice(0))
      if (this.#mayShow(entity, touch))
        show(transaction, entity, touch, copyOf(value), touch.isVersion ? undefined : this.#written);
  }

  readonly #written = (value: unknown): unknown => this.em.getPlatform().processDateProperty(copyOf(value));

  /** Returns a touched property of a row as an entity has it. */
  #read({ target }: Pick<CounterGroup, 'target'>, { column, property }: Touch, row: Row): unknown {
    const mapped = this.em.getComparator().mapResult(target, { [column]: row[column] } as never);
    return (mapped as Record<string, unknown>)[property];
  }

  /** Returns false for a stale version, and for a property that was assigned and not written yet. */
  #mayShow(entity: object, touch: Touch): boolean {
    if (touch.isVersion) return this.#current.has(entity);
    const snapshot = (helper(entity).__originalEntityData as Record<string, unknown> | undefined)?.[touch.property];
    return momentOf(snapshot) === momentOf(valueOn(entity, touch));
  }
}

function copyOf(value: unknown): unknown {
  return value instanceof Date ? new Date(value) : value;
}

/** Returns a number for a date in memory or in a snapshot; anything else as it is. */
function momentOf(value: unknown): unknown {
  if (value instanceof Date) return value.getTime();
  return typeof value === 'string' ? Date.parse(value) : (value ?? null);
}
