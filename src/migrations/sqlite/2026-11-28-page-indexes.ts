import { Migration } from '@mikro-orm/migrations';
import { indexesOf, missingIndexes, ownIndexes, PAGED_TABLE, type TableIndex } from '../page-indexes.js';

/** Builds the indexes of pages on SQLite, all in one transaction: others read in the meantime, and writers wait. */
export class PageIndexes extends Migration {
  override async up(): Promise<void> {
    for (const { name, columns } of missingIndexes(await this.#indexes()))
      this.addSql(`create index ${name} on ${PAGED_TABLE} (${columns.join(', ')})`);
  }

  override async down(): Promise<void> {
    for (const { name } of ownIndexes(await this.#indexes())) this.addSql(`drop index ${name}`);
  }

  async #indexes(): Promise<TableIndex[]> {
    const sql = `select list.name as name, info.name as "column" from pragma_index_list('${PAGED_TABLE}') list, pragma_index_info(list.name) info order by list.name, info.seqno`;
    return indexesOf((await this.execute(sql)) as { name: string; column: string }[]);
  }
}
