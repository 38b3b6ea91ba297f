import { Migration } from '@mikro-orm/migrations';
import { checkOf, COUNTING_TABLE, fillOf, type AddedCount } from './added-counts.js';
import type { MigrationEntry } from './migration-entry.js';

/**
 * Returns the migration that adds a stored count and fills it, in one transaction, on a database whose schema changes
 * belong to transactions; `type` is that of its whole numbers, and `needs` returns the privileges that it needs.
 */
export function transactionalAddedCount(
  count: AddedCount,
  type: string,
  needs: MigrationEntry['needs'] = () => Promise.resolve([]),
): MigrationEntry {
  const { migration, column } = count;
  return {
    name: migration,
    class: class extends Migration {
      override up(): void {
        this.addSql(
          `alter table ${COUNTING_TABLE} add column ${column} ${type} not null default 0 constraint ${checkOf(column)} check (${column} >= 0)`,
        );
        this.addSql(fillOf(count));
      }

      override down(): void {
        this.addSql(`alter table ${COUNTING_TABLE} drop column ${column}`);
      }
    },
    tables: [],
    needs,
  };
}
