import { Migration } from '@mikro-orm/migrations';
import { indexesOf, missingIndexes, PAGED_TABLE, pageIndexes } from '../page-indexes.js';

/** Builds the indexes of pages on SQLite, all in one transaction: others read meanwhile, and writers wait. */
export class PageIndexes extends Migration {
  override async up(): Promise<void> {
    const sql = `select list.name as name, info.name as "column" from pragma_index_list('${PAGED_TABLE}') list, pragma_index_info(list.name) info order by list.name, info.seqno`;
    const there = indexesOf((await this.execute(sql)) as { name: string; column: string }[]);
    for (const { name, columns } of missingIndexes(there)) this.addSql(`create index ${name} on ${PAGED_TABLE} (${columns.join(', ')})`);
  }

  override down(): void {
    for (const { name } of pageIndexes) this.addSql(`drop index if exists ${name}`);
  }
}
