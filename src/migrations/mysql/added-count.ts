import { Migration } from '@mikro-orm/migrations';
import { checkOf, COUNTING_TABLE, fillOf, type AddedCount } from '../added-counts.js';
import type { MigrationEntry } from '../migration-entry.js';
import { alter } from './alter.js';

/**
 * Returns the migration that adds a stored count on MySQL and MariaDB and fills it. If it is interrupted between the
 * two, the next run finds the column and fills it.
 */
export function addedCountMigration(count: AddedCount): MigrationEntry {
  const { migration, column } = count;
  return {
    name: migration,
    class: class extends Migration {
      override async up(): Promise<void> {
        const columns = await this.execute(
          `select column_name from information_schema.columns where table_schema = database() and table_name = '${COUNTING_TABLE}' and column_name = '${column}'`,
        );
        if ((columns as unknown[]).length === 0)
          await this.#alter([
            `add column ${column} bigint unsigned not null default 0`,
            `add constraint ${checkOf(column)} check (${column} >= 0)`,
          ]);
        this.addSql(fillOf(count));
      }

      override async down(): Promise<void> {
        await this.#alter([`drop constraint ${checkOf(column)}`, `drop column ${column}`]);
      }

      #alter(clauses: readonly string[]): Promise<void> {
        // A check is only added and dropped by a copy of the table, on MySQL.
        return alter({
          table: COUNTING_TABLE,
          clauses,
          way: 'copies',
          execute: sql => this.execute(sql) as Promise<object[]>,
        });
      }
    },
    tables: [],
    needs: () =>
      Promise.resolve([
        ...['ALTER', 'CREATE', 'INSERT', 'UPDATE'].map(privilege => ({ privilege, tables: [COUNTING_TABLE] })),
        { privilege: 'SELECT', tables: [COUNTING_TABLE, 'core_enrollments'] },
      ]),
  };
}
