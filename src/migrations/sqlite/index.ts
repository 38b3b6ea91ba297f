import { addedCounts } from '../added-counts.js';
import { hexadecimalWords } from '../count-sql.js';
import { courseListIndexes, courseOrderIndexes, pageIndexes } from '../added-indexes.js';
import { INITIAL_TABLES, RUN_TABLES } from '../made-tables.js';
import type { MigrationEntry, RequiredPrivilege } from '../migration-entry.js';
import { transactionalAddedCount, type AddedCountRules } from '../transactional-added-count.js';
import { Initial } from './2026-11-22-initial.js';
import { RecountRuns } from './2026-11-22-recount-runs.js';
import { addedIndexesMigration } from './added-indexes.js';

const nothing = (): Promise<readonly RequiredPrivilege[]> => Promise.resolve([]);

/** What the migrations of added counts need to know. */
export const sqliteAddedCounts: AddedCountRules = { type: 'integer', words: hexadecimalWords };

/** The migrations of SQLite, oldest first. */
export const sqliteMigrations: readonly MigrationEntry[] = [
  { name: '2026-11-22-initial', class: Initial, tables: INITIAL_TABLES, needs: nothing },
  { name: '2026-11-22-recount-runs', class: RecountRuns, tables: RUN_TABLES, needs: nothing },
  addedIndexesMigration('2026-11-28-page-indexes', pageIndexes),
  addedIndexesMigration('2026-11-29-course-order-index', courseOrderIndexes),
  addedIndexesMigration('2026-11-29-course-list-indexes', courseListIndexes),
  ...addedCounts.map(count => transactionalAddedCount(count, sqliteAddedCounts)),
];
