import type { EntityMetadata } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { quoted, tableName } from '../sql/fragments.js';
import type { CounterGroup } from './counter-group.js';
import { kept } from './kept.js';
import { keyColumns } from './key-parts.js';
import { hasTypeTables, tablesAbove, tablesIn, tableWith } from './rows-of-types.js';
import { watchedColumns } from './watched-columns.js';

// Where each type has a table, rows of a type are counted by that table, and by those above it as far as they have what
// decides whether and where a row is counted.

/** A table of the types of some rows, beside the root's, with what is to be read of it. */
export interface TypeTable {
  readonly meta: EntityMetadata;
  readonly columns: readonly string[];
  /** The name under which is read whether the table has a row; undefined: nobody asks. */
  readonly mark: string | undefined;
}

const tables = new WeakMap<readonly CounterGroup[], readonly TypeTable[]>();

/** Returns the tables that have what the rows of some groups of one hierarchy are counted by; an empty list for others. */
export function typeTablesOf(groups: readonly CounterGroup[]): readonly TypeTable[] {
  return kept(tables, groups, () => {
    const root = groups[0]?.counted;
    if (!root || !hasTypeTables(root)) return [];
    return tablesIn(root)
      .map(meta => ({
        meta,
        columns: [
          ...new Set(
            groups.flatMap(group =>
              watchedColumns([group]).filter(column => tableWith(group.type, column).class === meta.class),
            ),
          ),
        ],
        mark: groups.find(({ type, typeMark }) => typeMark !== undefined && type.class === meta.class)?.typeMark,
      }))
      .filter(({ columns, mark }) => columns.length > 0 || mark !== undefined);
  });
}

/** Returns the columns, of those that decide how rows are counted, that do not stand in the table of a group's type. */
export function columnsElsewhere(group: CounterGroup): string[] {
  const { counted, type } = group;
  if (!hasTypeTables(counted)) return [];
  const keys = keyColumns(counted);
  return [...new Set(watchedColumns([group]))].filter(
    column => !keys.includes(column) && tableWith(type, column).class !== type.class,
  );
}

/**
 * Returns the rows of a group as a part of FROM: their table, or those of their type and of the types above it, joined,
 * with the key and all that they are counted by.
 */
export function rowsSql(em: SqlEntityManager, group: CounterGroup): string {
  const { type, countedSchema, counted } = group;
  const elsewhere = columnsElsewhere(group);
  const table = tableName(em, type, countedSchema);
  if (elsewhere.length === 0) return table;
  const keys = keyColumns(counted);
  const own = [...new Set([...keys, ...watchedColumns([group])])].filter(column => !elsewhere.includes(column));
  const above = tablesAbove(type)
    .slice(1)
    .map((meta, index) => ({
      meta,
      alias: `t${index + 1}`,
      columns: elsewhere.filter(column => tableWith(type, column).class === meta.class),
    }))
    .filter(({ columns }) => columns.length > 0);
  const columns = [{ alias: 't', columns: own }, ...above].flatMap(one =>
    one.columns.map(column => `${one.alias}.${quoted(em, column)}`),
  );
  const joins = above.map(({ meta, alias }) => {
    const equal = keys.map(column => `${alias}.${quoted(em, column)} = t.${quoted(em, column)}`);
    return `join ${tableName(em, meta, countedSchema)} ${alias} on ${equal.join(' and ')}`;
  });
  return `(select ${columns.join(', ')} from ${table} t ${joins.join(' ')})`;
}
