import { Migration } from '@mikro-orm/migrations';
import { indexesOf, missingIndexes, ownIndexes, type AddedIndexes, type TableIndex } from '../added-indexes.js';
import type { MigrationEntry } from '../migration-entry.js';
import { alter, toAlter } from './alter.js';

/**
 * Returns the migration that builds indexes on MySQL and MariaDB, online. If it is interrupted, the next run builds those
 * that are missing.
 */
export function addedIndexesMigration(name: string, added: AddedIndexes): MigrationEntry {
  const { table, indexes } = added;
  return {
    name,
    class: class extends Migration {
      override async up(): Promise<void> {
        let missing = missingIndexes(added, await this.#indexes());
        while (missing.length > 0) {
          const clauses = missing.map(index => `add index ${index.name} (${index.columns.join(', ')})`);
          const wereMissing = missing.length;
          try {
            await this.#alter(clauses, 'builds');
            return;
          } catch (error) {
            missing = missingIndexes(added, await this.#indexes());
            // The statement of a run that was killed has ended only now.
            if (!isDuplicateName(error) || missing.length === wereMissing) throw error;
          }
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
