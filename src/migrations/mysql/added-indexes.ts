import { Migration } from '@mikro-orm/migrations';
import { indexesOf, missingIndexes, ownIndexes, type AddedIndexes, type TableIndex } from '../added-indexes.js';
import type { MigrationEntry } from '../migration-entry.js';
import { alter, toAlter } from './alter.js';

/**
 * Returns the migration that builds indexes on MySQL and MariaDB, online and by one statement, which reads the table
 * once and leaves all of them or none. If it is interrupted after the statement, the next run finds the indexes.
 */
export function addedIndexesMigration(name: string, added: AddedIndexes): MigrationEntry {
  const { table, indexes } = added;
  return {
    name,
    class: class extends Migration {
      override async up(): Promise<void> {
        const missing = missingIndexes(added, await this.#indexes());
        if (missing.length === 0) return;
        const clauses = missing.map(index => `add index ${index.name} (${index.columns.join(', ')})`);
        try {
          await this.#alter(clauses, 'builds');
        } catch (error) {
          // The statement of a run that was killed has ended only now.
          if (!isDuplicateName(error) || missingIndexes(added, await this.#indexes()).length > 0) throw error;
        }
      }

      override async down(): Promise<void> {
        const dropped = ownIndexes(added, await this.#indexes());
        if (dropped.length > 0)
          await this.#alter(
            dropped.map(index => `drop index ${index.name}`),
            'keeps',
          );
      }

      #alter(clauses: readonly string[], way: 'builds' | 'keeps'): Promise<void> {
        return alter({ table, clauses, way, execute: sql => this.execute(sql) as Promise<object[]> });
      }

      async #indexes(): Promise<TableIndex[]> {
        const sql = `select index_name as name, column_name as \`column\` from information_schema.statistics where table_schema = database() and table_name = '${table}' order by index_name, seq_in_index`;
        return indexesOf((await this.execute(sql)) as { name: string; column: string }[]);
      }
    },
    tables: [],
    indexes: indexes.map(index => index.name),
    needs: () => Promise.resolve(toAlter([table])),
  };
}

/** ER_DUP_KEYNAME. */
function isDuplicateName(error: unknown): boolean {
  return (error as { errno?: number }).errno === 1061;
}
