import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Database } from '../../../database/database.js';
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
    return rows.map(row => Object.fromEntries(columns.map((column, index) => [column, row[`rollcall_${index}`]])));
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

  /** Returns the values of a column with the number of their rows, the commonest first. */
  async values(table: string, column: string): Promise<{ value: unknown; rows: number }[]> {
    const name = this.name(column);
    const rows = await this.rows<{ value: unknown; n: unknown }>(
      `select ${name} as value, count(*) as n from ${this.name(table)} group by ${name} order by count(*) desc, ${name}`,
    );
    return rows.map(({ value, n }) => ({ value, rows: Number(n) }));
  }

  /** Returns the values of several columns together, with the number of their rows. */
  async combinations(table: string, columns: readonly string[]): Promise<{ row: TheirRow; rows: number }[]> {
    const names = columns.map(column => this.name(column)).join(', ');
    const rows = await this.rows(
      `select ${names}, count(*) as rollcall_rows from ${this.name(table)} group by ${names} order by count(*) desc, ${names}`,
    );
    return rows.map(row => ({ row, rows: Number(row['rollcall_rows']) }));
  }
}
