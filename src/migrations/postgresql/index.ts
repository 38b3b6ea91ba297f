import { addedCounts } from '../added-counts.js';
import { INITIAL_TABLES, RUN_TABLES } from '../made-tables.js';
import type { MigrationEntry, RequiredPrivilege } from '../migration-entry.js';
import { transactionalAddedCount } from '../transactional-added-count.js';
import { Initial } from './2026-11-22-initial.js';
import { RecountRuns } from './2026-11-22-recount-runs.js';

/** The privilege that is needed to create something in the schema. */
const toCreate = (): Promise<readonly RequiredPrivilege[]> => Promise.resolve([{ privilege: 'CREATE', tables: null }]);

/** The migrations of PostgreSQL, oldest first. */
export const postgreSqlMigrations: readonly MigrationEntry[] = [
  { name: '2026-11-22-initial', class: Initial, tables: INITIAL_TABLES, needs: toCreate },
  { name: '2026-11-22-recount-runs', class: RecountRuns, tables: RUN_TABLES, needs: toCreate },
  ...addedCounts.map(count => transactionalAddedCount(count, 'bigint')),
];
