import type { EntityMetadata } from '@mikro-orm/core';
import type { QueryBuilder, SqlEntityManager } from '@mikro-orm/sql';
import { entityOf, refuseTwin } from '../declarations/schemas.js';
import type { DirectWrites } from './direct-writes.js';
import { calledMethod } from './write-scope.js';

/** What a query builder is about to do, as MikroORM describes it. The data name columns. */
interface State {
  readonly type?: string;
  readonly schema?: string;
  readonly data?: object | readonly object[];
  readonly insertSubQuery?: unknown;
  readonly onConflict?: readonly { readonly merge?: unknown; readonly ignore?: boolean }[];
  readonly mainAlias: Alias;
  readonly aliases: Readonly<Record<string, Alias>>;
}

/** A table in a query, with its raw name where no entity gave it. */
interface Alias {
  readonly aliasName: string;
  readonly meta: EntityMetadata;
  readonly rawTableName?: string;
}

/**
 * Makes a query builder and its clones refuse the writes that would change a count, at the moment when its SQL is made,
 * because only then is it certain what it writes.
 */
export function guardBuilder<Entity extends object>(
  em: SqlEntityManager,
  writes: DirectWrites,
  builder: QueryBuilder<Entity>,
): QueryBuilder<Entity> {
  const getNativeQuery = builder.getNativeQuery.bind(builder);
  builder.getNativeQuery = (...parameters) => {
    const query = getNativeQuery(...parameters);
    // Only now, because an UPDATE or DELETE that needs a subquery is a SELECT until then.
    const state = builder.state as unknown as State;
    const { type = '', schema, mainAlias } = state;
    if (/INSERT|UPDATE|DELETE|TRUNCATE/.test(type) && mainAlias.rawTableName === undefined)
      refuseTwin(em, writes.registry, mainAlias.meta, schema ?? schemaOfManager(builder));
    refuse(em, writes, state);
    return query;
  };
  const clone = builder.clone.bind(builder);
  builder.clone = (...parameters) => guardBuilder(em, writes, clone(...parameters));
  return builder;
}

function refuse(
  em: SqlEntityManager,
  writes: DirectWrites,
  { type, data = {}, insertSubQuery, onConflict = [], mainAlias, aliases }: State,
): void {
  const meta = metaOf(em, writes, mainAlias);
  switch (type) {
    case 'INSERT': {
      if (insertSubQuery) return writes.insertFrom(calledMethod('QueryBuilder.insertFrom()'), meta);
      const rows = [data].flat();
      writes.insert(calledMethod('QueryBuilder.insert()'), meta, rows);
      for (const { merge, ignore } of onConflict) {
        if (!ignore) for (const merged of mergedOf(merge, rows)) writes.merge(meta, merged);
      }
      return;
    }
    case 'UPDATE':
      for (const [alias, written] of updatesOf(data, mainAlias.aliasName, Object.keys(aliases))) {
        writes.update(calledMethod('QueryBuilder.update()'), metaOf(em, writes, aliases[alias] ?? mainAlias), written);
      }
      return;
    case 'DELETE':
      return writes.delete(calledMethod('QueryBuilder.delete()'), meta);
    case 'TRUNCATE':
      return writes.truncate(calledMethod('QueryBuilder.truncate()'), meta);
    default:
  }
}

/** Returns what is merged on conflict: the named fields, or everything that is inserted where none is named. */
function mergedOf(merge: unknown, inserted: readonly object[]): readonly object[] {
  if (Array.isArray(merge)) return [Object.fromEntries(merge.map(name => [String(name), undefined]))];
  return typeof merge === 'object' && merge !== null ? [merge] : inserted;
}

/**
 * Returns what an UPDATE writes to each of the tables that it joins. MySQL finds a column without an alias in any of
 * them.
 */
function updatesOf(data: object, main: string, aliases: readonly string[]): [alias: string, written: object][] {
  const entries = Object.entries(data).map(([name, value]) => {
    const alias = name.includes('.') ? name.slice(0, name.indexOf('.')) : undefined;
    return { at: alias === undefined ? [...new Set([main, ...aliases])] : [alias], name, value: value as unknown };
  });
  const places = [...new Set(entries.flatMap(({ at }) => at))];
  return places.map(place => [
    place,
    Object.fromEntries(entries.filter(({ at }) => at.includes(place)).map(({ name, value }) => [name, value])),
  ]);
}

/** Returns the schema of the entity manager that a query builder came from. */
function schemaOfManager(builder: object): string | undefined {
  return (builder as { em?: SqlEntityManager }).em?.schema;
}

function metaOf(em: SqlEntityManager, { registry }: DirectWrites, { meta, rawTableName }: Alias): EntityMetadata {
  if (rawTableName === undefined) return meta;
  const [table, schema] = rawTableName.split('.').toReversed();
  return entityOf(em, registry, table!, schema) ?? meta;
}
