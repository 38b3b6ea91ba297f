import type { EntityMetadata } from '@mikro-orm/core';
import type { QueryBuilder } from '@mikro-orm/sql';
import type { DirectWrites } from './direct-writes.js';
import { wayOr } from './write-scope.js';

/** Is what a query builder is about to do, in MikroORM's own words; data name columns. */
interface State {
  readonly type?: string;
  readonly data?: object | readonly object[];
  readonly insertSubQuery?: unknown;
  readonly onConflict?: readonly { readonly merge?: unknown; readonly ignore?: boolean }[];
  readonly mainAlias: Alias;
  readonly aliases: Readonly<Record<string, Alias>>;
}

/** Is a table in a query; a raw name stands for one that no entity gave. */
interface Alias {
  readonly aliasName: string;
  readonly meta: EntityMetadata;
  readonly rawTableName?: string;
}

/**
 * Makes a query builder refuse the writes that would alter a count, at the moment when its SQL is made, for only then
 * is it certain what it writes; its clones refuse them too.
 */
export function guardBuilder<Entity extends object>(
  writes: DirectWrites,
  builder: QueryBuilder<Entity>,
): QueryBuilder<Entity> {
  const getNativeQuery = builder.getNativeQuery.bind(builder);
  builder.getNativeQuery = (...parameters) => {
    const query = getNativeQuery(...parameters);
    // Only now, for an UPDATE or DELETE that needs a subquery is a SELECT until then.
    refuse(writes, builder.state as unknown as State);
    return query;
  };
  const clone = builder.clone.bind(builder);
  builder.clone = (...parameters) => guardBuilder(writes, clone(...parameters));
  return builder;
}

function refuse(
  writes: DirectWrites,
  { type, data = {}, insertSubQuery, onConflict = [], mainAlias, aliases }: State,
): void {
  const meta = metaOf(writes, mainAlias);
  switch (type) {
    case 'INSERT': {
      if (insertSubQuery) return writes.insertFrom(wayOr('QueryBuilder.insertFrom()'), meta);
      const rows = [data].flat();
      writes.insert(wayOr('QueryBuilder.insert()'), meta, rows);
      for (const { merge, ignore } of onConflict) {
        if (!ignore) for (const merged of mergedOf(merge, rows)) writes.merge(meta, merged);
      }
      return;
    }
    case 'UPDATE':
      for (const [alias, written] of updatesOf(data, mainAlias.aliasName, Object.keys(aliases))) {
        writes.update(wayOr('QueryBuilder.update()'), metaOf(writes, aliases[alias] ?? mainAlias), written);
      }
      return;
    case 'DELETE':
      return writes.delete(wayOr('QueryBuilder.delete()'), meta);
    case 'TRUNCATE':
      return writes.truncate(wayOr('QueryBuilder.truncate()'), meta);
    default:
  }
}

/** Gives what is merged on conflict: the fields that are named, else all that are inserted. */
function mergedOf(merge: unknown, inserted: readonly object[]): readonly object[] {
  if (Array.isArray(merge)) return [Object.fromEntries(merge.map(name => [String(name), undefined]))];
  return typeof merge === 'object' && merge !== null ? [merge] : inserted;
}

/**
 * Shares out what an UPDATE writes to the tables that it joins; MySQL finds a column without an alias in whichever has
 * it.
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

function metaOf({ registry }: DirectWrites, { meta, rawTableName }: Alias): EntityMetadata {
  return rawTableName === undefined ? meta : (registry.entityOf(rawTableName) ?? meta);
}
