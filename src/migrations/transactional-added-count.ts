import { Migration } from '@mikro-orm/migrations';
import { checkOf, COUNTING_TABLE, countsBefore, fillOf, type AddedCount } from './added-counts.js';
import type { CountInSql, CountWords } from './count-sql.js';
import type { MigrationEntry } from './migration-entry.js';

/** What differs between the databases whose schema changes belong to transactions. */
export interface AddedCountRules {
  /** The type of their whole numbers. */
  readonly type: string;
  readonly words: CountWords;
  /** Returns the statements that renew what verifies these counts in the database; none where it has nothing such. */
  readonly renewal?: (
    execute: (sql: string) => Promise<readonly object[]>,
    counts: readonly CountInSql[],
  ) => Promise<readonly string[]>;
  /** Returns the privileges that the migration needs. */
  readonly needs?: MigrationEntry['needs'];
}

/** Returns the migration that adds a stored count and fills it, in one transaction. */
export function transactionalAddedCount(
  count: AddedCount,
  { type, words, renewal = () => Promise.resolve([]), needs = () => Promise.resolve([]) }: AddedCountRules,
): MigrationEntry {
  const { migration, column } = count;
  const before = countsBefore(count);
  return {
    name: migration,
    class: class extends Migration {
      override async up(): Promise<void> {
        this.addSql(
          `alter table ${COUNTING_TABLE} add column ${column} ${type} not null default 0 constraint ${checkOf(column)} check (${column} >= 0)`,
        );
        this.addSql(fillOf(words, count));
        await this.#renew([...before, count]);
      }

      override async down(): Promise<void> {
        await this.#renew(before);
        this.addSql(`alter table ${COUNTING_TABLE} drop column ${column}`);
      }

      async #renew(counts: readonly CountInSql[]): Promise<void> {
        const statements = await renewal(sql => this.execute(sql) as Promise<object[]>, counts);
        for (const sql of statements) this.addSql(sql);
      }
    },
    tables: [],
    columns: [`${COUNTING_TABLE}.${column}`],
    needs,
  };
}
