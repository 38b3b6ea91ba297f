import type { EntityMetadata, Transaction } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { sendable, type Key } from './key.js';
import { plainTableName } from './schemas.js';

/** A part of an SQL statement, with the values of its question marks in their order. */
export interface Fragment {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/** A row as the driver returns it, by column. */
export type Row = Readonly<Record<string, unknown>>;

/** Some rows of one table: those after one key, or from it, up to another, in the database's own order, or those listed. */
export type KeyRange =
  | { readonly after: Key | null; readonly includesAfter?: boolean; readonly upTo: Key }
  | { readonly keys: readonly Key[] };

/** Returns an identifier in the database's quotes. */
export function quoted(em: SqlEntityManager, identifier: string): string {
  return em.getPlatform().quoteIdentifier(identifier);
}

/** Returns a table's quoted name, in the schema in which MikroORM has the entity's rows where it was given one. */
export function tableName(em: SqlEntityManager, meta: EntityMetadata, given = em.schema): string {
  return quoted(em, plainTableName(em, meta, given));
}

/** Returns quoted columns, separated by commas. */
export function columnList(em: SqlEntityManager, columns: readonly string[]): string {
  return columns.map(column => quoted(em, column)).join(', ');
}

/** Returns SQL with each run of white space as one space, so that two statements can be compared. */
export function onOneLine(sql: string): string {
  return sql.replace(/\s+/g, ' ').trim();
}

/** Returns the condition that columns hold one of some keys. */
export function keyIn(em: SqlEntityManager, columns: readonly string[], keys: readonly Key[], alias = ''): Fragment {
  const names = columns.map(column => `${alias}${quoted(em, column)}`);
  const parameters = keys.flatMap(key => key.map(sendable));
  if (names.length === 1) return { sql: `${names[0]} in (${keys.map(() => '?').join(', ')})`, parameters };
  const equal = names.map(name => `${name} = ?`).join(' and ');
  return { sql: `(${keys.map(() => equal).join(' or ')})`, parameters };
}

/** Returns the condition that key columns, a table's own or those of a foreign key to it, are in a range. */
export function inRange(em: SqlEntityManager, columns: readonly string[], range: KeyRange, alias = ''): Fragment {
  if ('keys' in range) return keyIn(em, columns, range.keys, alias);
  const bounds = between(em, columns, range.after, range.upTo, alias, range.includesAfter);
  return {
    sql: bounds.map(({ sql }) => sql).join(' and '),
    parameters: bounds.flatMap(({ parameters }) => parameters),
  };
}

/** Returns the conditions that key columns are after one key, or from it, and up to another; null: no bound on that side. */
export function between(
  em: SqlEntityManager,
  columns: readonly string[],
  after: Key | null,
  upTo: Key | null,
  alias = '',
  includesAfter = false,
): Fragment[] {
  return [
    ...(after ? [beside(em, columns, '>', after, includesAfter, alias)] : []),
    ...(upTo ? [beside(em, columns, '<', upTo, true, alias)] : []),
  ];
}

/**
 * Compares key columns with a key, part by part.
 *
 * Not as rows, `(a, b) > (?, ?)`: MySQL finds no index range in that. For the same reason the first column is compared
 * once more by itself.
 */
function beside(
  em: SqlEntityManager,
  columns: readonly string[],
  operator: '<' | '>',
  key: Key,
  orEqual: boolean,
  alias: string,
): Fragment {
  const parts = key.map(sendable);
  const names = columns.map(column => `${alias}${quoted(em, column)}`);
  const last = names.length - 1;
  const comparisons = names.map((name, index) => {
    const equal = names.slice(0, index).map(one => `${one} = ?`);
    return {
      sql: [...equal, `${name} ${operator}${orEqual && index === last ? '=' : ''} ?`].join(' and '),
      parameters: parts.slice(0, index + 1),
    };
  });
  if (last === 0) return comparisons[0]!;
  const any = comparisons.map(({ sql }) => `(${sql})`).join(' or ');
  return {
    sql: `${names[0]} ${operator}= ? and (${any})`,
    parameters: [parts[0], ...comparisons.flatMap(({ parameters }) => parameters)],
  };
}

/** Reads the rows of a query, in a transaction where one is given. */
export function queryRows(
  em: SqlEntityManager,
  transaction: Transaction,
  { sql, parameters }: Fragment,
): Promise<Row[]> {
  const driver = em.getDriver();
  return driver.execute<Row[]>(sql, [...parameters], 'all', transaction);
}

/** Runs a statement in a transaction and returns the number of rows that it changed. */
export async function execute(
  em: SqlEntityManager,
  transaction: Transaction,
  { sql, parameters }: Fragment,
): Promise<number> {
  const driver = em.getDriver();
  const { affectedRows } = await driver.execute<{ affectedRows: number }>(sql, [...parameters], 'run', transaction);
  return affectedRows;
}
