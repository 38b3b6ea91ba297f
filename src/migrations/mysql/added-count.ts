import { Migration } from '@mikro-orm/migrations';
import { checkOf, COUNTING_TABLE, countsBefore, fillOf, type AddedCount } from '../added-counts.js';
import { hexadecimalWords, type CountInSql } from '../count-sql.js';
import type { MigrationEntry } from '../migration-entry.js';
import { alter } from './alter.js';
import { makeProcedure, PROCEDURE_PRIVILEGES } from './verify-procedure.js';

/**
 * Returns the migration that adds a stored count on MySQL and MariaDB, fills it and renews the procedure that verifies the
 * counts. If it is interrupted, the next run finds the column and goes on.
 */
export function addedCountMigration(count: AddedCount): MigrationEntry {
  const { migration, column } = count;
  const before = countsBefore(count);
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
        await this.execute(fillOf(hexadecimalWords, count));
        await this.#renew([...before, count]);
      }

      override async down(): Promise<void> {
        await this.#renew(before);
        await this.#alter([`drop constraint ${checkOf(column)}`, `drop column ${column}`]);
      }

      #renew(counts: readonly CountInSql[]): Promise<void> {
        return makeProcedure(sql => this.execute(sql) as Promise<object[]>, counts);
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
    columns: [`${COUNTING_TABLE}.${column}`],
    needs: () =>
      Promise.resolve([
        ...['ALTER', 'CREATE', 'INSERT', 'UPDATE'].map(privilege => ({ privilege, tables: [COUNTING_TABLE] })),
        { privilege: 'SELECT', tables: [COUNTING_TABLE, 'core_enrollments'] },
        ...PROCEDURE_PRIVILEGES.map(privilege => ({ privilege, tables: null })),
      ]),
  };
}
