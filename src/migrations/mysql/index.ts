import type { SqlEntityManager } from '@mikro-orm/sql';
import { addedCounts } from '../added-counts.js';
import { courseListIndexes, courseOrderIndexes, pageIndexes } from '../added-indexes.js';
import { INITIAL_TABLES, RUN_TABLES, type MadeTable } from '../made-tables.js';
import type { MigrationEntry, RequiredPrivilege } from '../migration-entry.js';
import { Initial } from './2026-11-22-initial.js';
import { RecountRuns } from './2026-11-22-recount-runs.js';
import { VerifyProcedure } from './2026-11-22-verify-procedure.js';
import { narrowColumns, WideNumbers } from './2026-11-28-wide-numbers.js';
import { addedCountMigration } from './added-count.js';
import { addedIndexesMigration } from './added-indexes.js';
import { toAlter } from './alter.js';
import { PROCEDURE_TITLE, procedureState } from './own-procedure.js';
import { PROCEDURE_PRIVILEGES } from './verify-procedure.js';

/** The migrations of MySQL and MariaDB, oldest first. */
export const mySqlMigrations: readonly MigrationEntry[] = [
  {
    name: '2026-11-22-initial',
    class: Initial,
    tables: INITIAL_TABLES,
    needs: toMake(INITIAL_TABLES, ['core_user', 'core_course']),
  },
  {
    name: '2026-11-22-recount-runs',
    class: RecountRuns,
    tables: RUN_TABLES,
    needs: toMake(RUN_TABLES, ['core_recount_runs']),
  },
  {
    name: '2026-11-22-verify-procedure',
    class: VerifyProcedure,
    tables: [],
    procedure: { title: PROCEDURE_TITLE, state: em => procedureState(sql => em.execute(sql)) },
    needs: onDatabase(PROCEDURE_PRIVILEGES),
  },
  { name: '2026-11-28-wide-numbers', class: WideNumbers, tables: [], needs: toWiden },
  addedIndexesMigration('2026-11-28-page-indexes', pageIndexes),
  addedIndexesMigration('2026-11-29-course-order-index', courseOrderIndexes),
  addedIndexesMigration('2026-11-29-course-list-indexes', courseListIndexes),
  ...addedCounts.map(addedCountMigration),
];

function toMake(
  tables: readonly MadeTable[],
  referredTo: readonly string[],
): () => Promise<readonly RequiredPrivilege[]> {
  return () =>
    Promise.resolve([
      { privilege: 'CREATE', tables: tables.map(({ name }) => name) },
      { privilege: 'REFERENCES', tables: referredTo },
    ]);
}

/** Returns the privileges that are needed to copy a table, and to create its foreign keys again. */
async function toWiden(em: SqlEntityManager): Promise<readonly RequiredPrivilege[]> {
  const tables = [...(await narrowColumns(sql => em.execute(sql))).keys()];
  return tables.length > 0 ? [...toAlter(tables), { privilege: 'REFERENCES', tables }] : [];
}

function onDatabase(privileges: readonly string[]): () => Promise<readonly RequiredPrivilege[]> {
  return () => Promise.resolve(privileges.map(privilege => ({ privilege, tables: null })));
}
