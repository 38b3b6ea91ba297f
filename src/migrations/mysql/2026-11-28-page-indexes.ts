import { Migration } from '@mikro-orm/migrations';
import { indexesOf, missingIndexes, ownIndexes, PAGED_TABLE, type TableIndex } from '../page-indexes.js';
import { alter } from './alter.js';

/**
 * Builds the indexes of pages on MySQL and MariaDB, online and by one statement, which reads the table once and leaves
 * all of them or none. If the migration is interrupted after the statement, the next run finds the indexes.
 */
export class PageIndexes extends Migration {
  override async up(): Promise<void> {
    const missing = missingIndexes(await this.#indexes());
    if (missing.length > 0)
      await this.#alter(
        missing.map(({ name, columns }) => `add index ${name} (${columns.join(', ')})`),
        'builds',
      );
  }

  override async down(): Promise<void> {
    const dropped = ownIndexes(await this.#indexes());
    if (dropped.length > 0)
      await this.#alter(
        dropped.map(({ name }) => `drop index ${name}`),
        'keeps',
      );
  }

  #alter(clauses: readonly string[], way: 'builds' | 'keeps'): Promise<void> {
    return alter({ table: PAGED_TABLE, clauses, way, execute: sql => this.execute(sql) as Promise<object[]> });
  }

  async #indexes(): Promise<TableIndex[]> {
    const sql = `select index_name as name, column_name as \`column\` from information_schema.statistics where table_schema = database() and table_name = '${PAGED_TABLE}' order by index_name, seq_in_index`;
    return indexesOf((await this.execute(sql)) as { name: string; column: string }[]);
  }
}
