import { addedCounts, COUNTING_TABLE } from '../added-counts.js';
import { INITIAL_TABLES, RUN_TABLES } from '../made-tables.js';
import type { MigrationEntry, RequiredPrivilege } from '../migration-entry.js';
import { OWNERSHIP } from './ownership.js';
import { transactionalAddedCount, type AddedCountRules } from '../transactional-added-count.js';
import { Initial } from './2026-11-22-initial.js';
import { RecountRuns } from './2026-11-22-recount-runs.js';
import { VerifyFunction } from './2026-11-30-verify-function.js';
import { postgreSqlCountWords } from './count-words.js';
import { FUNCTION_TITLE, functionState } from './own-function.js';
import { functionStatements } from './verify-function.js';

/** The privileges that are needed to create something in the schema. */
const toCreate = (): Promise<readonly RequiredPrivilege[]> =>
  Promise.resolve(['USAGE', 'CREATE'].map(privilege => ({ privilege, tables: null })));

/** What the migrations of added counts need to know; who renews the function needs what its making needs. */
export const postgreSqlAddedCounts: AddedCountRules = {
  type: 'bigint',
  words: postgreSqlCountWords,
  renewal: functionStatements,
  needs: async () => [{ privilege: OWNERSHIP, tables: [COUNTING_TABLE] }, ...(await toCreate())],
};

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
  ...addedCounts.map(count => transactionalAddedCount(count, postgreSqlAddedCounts)),
];
