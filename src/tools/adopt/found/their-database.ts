import type { SqlEntityManager } from '@mikro-orm/sql';
import { dialectOf, type Database } from '../../../database/database.js';
import { quotedName } from '../../../migrations/sql-names.js';
import type { TheirRow } from '../../../map/sources.js';

/** The database of another application, for reading: its tables belong to no entity, so their names are quoted here. */
export class TheirDatabase {
  readonly #em: SqlEntityManager;

  constructor(readonly database: Database) {
    this.#em = database.em.fork();
  }

  /** Returns a name of a table or a column for SQL. */
  name(text: string): string {
    return quotedName(this.#em, text);
  }

  /** Returns a value for SQL. Queries have no places for values: a name of theirs may have a question mark in it. */
  value(value: unknown): string {
    // node:sqlite has bytes in an array that the ORM would write as a list of numbers.
    const quotable = value instanceof Uint8Array ? Buffer.from(value) : value;
    return String(this.#em.getPlatform().quoteValue(quotable));
  }

  /** Runs a query and returns its rows. */
  rows<Row extends object = TheirRow>(sql: string): Promise<Row[]> {
    return this.#em.execute<Row[]>(sql);
  }

  /**
   * Reads columns of a table, under names of their own: a connection takes columns with our names for ours, and refuses
   * numbers there that JavaScript cannot hold, also if they are texts.
   */
  async read(table: string, columns: readonly string[], rest: string): Promise<TheirRow[]> {
    const selected = columns.map((column, index) => `${this.name(column)} as rollcall_${index}`);
    const rows = await this.rows(`select ${selected.join(', ')} from ${this.name(table)} ${rest}`);
    return rows.map(row => rowOf(columns, row));
  }

  /** Runs a query of one number, such as a count. */
  async number(sql: string): Promise<number> {
    const [row] = await this.rows<{ readonly n: unknown }>(sql);
    return Number(row?.n ?? 0);
  }

  /** Returns the number of rows of a table, or of those that meet a condition. */
  count(table: string, condition?: string): Promise<number> {
    return this.number(
      `select count(*) as n from ${this.name(table)}${condition === undefined ? '' : ` where ${condition}`}`,
    );
  }

  /**
   * Returns the values of a column with the number of their rows, the commonest first. Those that its collation takes for
   * one are several here, as they are to the map.
   */
  async values(table: string, column: string): Promise<{ value: unknown; rows: number }[]> {
    const combinations = await this.combinations(table, [column]);
    return combinations.map(({ row, rows }) => ({ value: row[column], rows }));
  }

  /** Returns the values of several columns together, with the number of their rows, as values() does for one. */
  async combinations(table: string, columns: readonly string[]): Promise<{ row: TheirRow; rows: number }[]> {
    const { exactly } = dialectOf(this.database).adoption;
    const names = columns.map(column => this.name(column));
    const keys = [...names, ...names.map(exactly)].join(', ');
    const selected = names.map((name, index) => `${name} as rollcall_${index}`);
    const groups = await this.rows(
      `select ${selected.join(', ')}, count(*) as rollcall_rows from ${this.name(table)} group by ${keys} order by count(*) desc, ${keys}`,
    );
    return groups.map(group => ({ row: rowOf(columns, group), rows: Number(group['rollcall_rows']) }));
  }
}

/** Returns a row by the names of columns that it has under names of their own. */
function rowOf(columns: readonly string[], row: TheirRow): TheirRow {
  return Object.fromEntries(columns.map((column, index) => [column, row[`rollcall_${index}`]]));
}
