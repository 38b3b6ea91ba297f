import { addedCounts, COUNTING_TABLE } from '../added-counts.js';
import { INITIAL_TABLES, RUN_TABLES } from '../made-tables.js';
import type { MigrationEntry, RequiredPrivilege } from '../migration-entry.js';
import { OWNERSHIP } from './ownership.js';
import { transactionalAddedCount } from '../transactional-added-count.js';
import { Initial } from './2026-11-22-initial.js';
import { RecountRuns } from './2026-11-22-recount-runs.js';
import { VerifyFunction } from './2026-11-30-verify-function.js';
import { FUNCTION_TITLE, functionState } from './own-function.js';

/** The privileges that are needed to create something in the schema. */
const toCreate = (): Promise<readonly RequiredPrivilege[]> =>
  Promise.resolve(['USAGE', 'CREATE'].map(privilege => ({ privilege, tables: null })));

/** The privilege that is needed to change the table of the counts: that of its owner. */
const toAlter = (): Promise<readonly RequiredPrivilege[]> =>
  Promise.resolve([{ privilege: OWNERSHIP, tables: [COUNTING_TABLE] }]);

/** The migrations of PostgreSQL, oldest first. */
export const postgreSqlMigrations: readonly MigrationEntry[] = [
  { name: '2026-11-22-initial', class: Initial, tables: INITIAL_TABLES, needs: toCreate },
  { name: '2026-11-22-recount-runs', class: RecountRuns, tables: RUN_TABLES, needs: toCreate },
  {
    name: '2026-11-30-verify-function',
    class: VerifyFunction,
    tables: [],
    procedure: { title: FUNCTION_TITLE, state: em => functionState(sql => em.execute(sql)) },
    needs: toCreate,
  },
  ...addedCounts.map(count => transactionalAddedCount(count, 'bigint', toAlter)),
];
