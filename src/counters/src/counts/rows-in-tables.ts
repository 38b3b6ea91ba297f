import type { EntityMetadata, Transaction } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { CounterGroup } from '../declarations/counter-group.js';
import { keyColumns } from '../declarations/key-parts.js';
import { typeTablesOf } from '../declarations/type-tables.js';
import { watchedColumns } from '../declarations/watched-columns.js';
import { dialectOf } from '../sql/dialects/dialects.js';
import { columnList, keyIn, queryRows, tableName, type Row } from '../sql/fragments.js';
import { hashOf, type Key } from '../sql/key.js';

// Where each type has a table, the parts of a row are read one table after another: no join takes a lock on a row that is
// not there, and each table's rows are locked in the order of their keys.

/** Returns the columns by which rows of some groups are counted that stand in the table of one entity of theirs. */
export function watchedIn(meta: EntityMetadata, groups: readonly CounterGroup[]): readonly string[] {
  const tables = typeTablesOf(groups);
  if (tables.length === 0) return watchedColumns(groups);
  return tables.find(one => one.meta.class === meta.class)?.columns ?? [];
}

/**
 * Returns rows that were read from the table of one entity, with what the other tables of their types have of them; null
 * where these have no such row.
 */
export async function withOtherTables(
  em: SqlEntityManager,
  transaction: Transaction,
  groups: readonly (CounterGroup & { readonly countedSchema: string })[],
  read: EntityMetadata,
  rows: readonly Row[],
  lock: boolean,
): Promise<readonly Row[]> {
  const tables = typeTablesOf(groups).filter(({ meta }) => meta.class !== read.class);
  const own = typeTablesOf(groups).find(({ meta }) => meta.class === read.class)?.mark;
  if ((tables.length === 0 && own === undefined) || rows.length === 0) return rows;
  const key = keyColumns(groups[0]!.counted);
  const keyOf = (row: Row): Key => key.map(column => row[column]);
  const whole = rows.map((row): Record<string, unknown> => ({ ...row, ...(own !== undefined && { [own]: 1 }) }));
  for (const { meta, columns, mark } of tables) {
    const chosen = keyIn(em, key, rows.map(keyOf));
    const list = columnList(em, [...new Set([...key, ...columns])]);
    const table = tableName(em, meta, groups[0]!.countedSchema);
    const found = await queryRows(em, transaction, {
      sql: `select ${list} from ${table} where ${chosen.sql} order by ${columnList(em, key)}${lock ? dialectOf(em).forUpdate : ''}`,
      parameters: chosen.parameters,
    });
    const byKey = new Map(found.map(row => [hashOf(keyOf(row)), row]));
    for (const row of whole) {
      const part = byKey.get(hashOf(keyOf(row)));
      // Types that do not extend each other may have columns of one name, and a row is of one of them.
      for (const column of columns) if (!key.includes(column)) row[column] = part?.[column] ?? row[column] ?? null;
      if (mark !== undefined) row[mark] = part ? 1 : null;
    }
  }
  return whole;
}
