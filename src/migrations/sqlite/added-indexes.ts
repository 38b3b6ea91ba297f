import { Migration } from '@mikro-orm/migrations';
import { indexesOf, missingIndexes, ownIndexes, type AddedIndexes, type TableIndex } from '../added-indexes.js';
import type { MigrationEntry } from '../migration-entry.js';

/**
 * Returns the migration that builds indexes on SQLite, all in one transaction: others read in the meantime, and writers
 * wait.
 */
export function addedIndexesMigration(name: string, added: AddedIndexes): MigrationEntry {
  const { table, indexes } = added;
  return {
    name,
    class: class extends Migration {
      override async up(): Promise<void> {
        for (const index of missingIndexes(added, await this.#indexes()))
          this.addSql(`create index ${index.name} on ${table} (${index.columns.join(', ')})`);
      }

      override async down(): Promise<void> {
        for (const index of ownIndexes(added, await this.#indexes())) this.addSql(`drop index ${index.name}`);
      }

      async #indexes(): Promise<TableIndex[]> {
        const sql = `select list.name as name, info.name as "column" from pragma_index_list('${table}') list, pragma_index_info(list.name) info order by list.name, info.seqno`;
        return indexesOf((await this.execute(sql)) as { name: string; column: string }[]);
      }
    },
    tables: [],
    indexes: indexes.map(index => index.name),
    needs: () => Promise.resolve([]),
  };
}
