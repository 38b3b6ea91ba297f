import type { SqlEntityManager } from '@mikro-orm/sql';
import { addedCounts } from '../added-counts.js';
import { INITIAL_TABLES, RUN_TABLES, type MadeTable } from '../made-tables.js';
import type { MigrationEntry, RequiredPrivilege } from '../migration-entry.js';
import { PAGED_TABLE, pageIndexes } from '../page-indexes.js';
import { Initial } from './2026-11-22-initial.js';
import { RecountRuns } from './2026-11-22-recount-runs.js';
import { VerifyProcedure } from './2026-11-22-verify-procedure.js';
import { PageIndexes } from './2026-11-28-page-indexes.js';
import { narrowColumns, WideNumbers } from './2026-11-28-wide-numbers.js';
import { addedCountMigration } from './added-count.js';
import { PROCEDURE, procedureState } from './own-procedure.js';

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
    procedure: { name: PROCEDURE, state: em => procedureState(sql => em.execute(sql)) },
    needs: onDatabase(VerifyProcedure.privileges),
  },
  { name: '2026-11-28-wide-numbers', class: WideNumbers, tables: [], needs: toWiden },
  {
    name: '2026-11-28-page-indexes',
    class: PageIndexes,
    tables: [],
    indexes: pageIndexes.map(({ name }) => name),
    needs: () => Promise.resolve(toAlter([PAGED_TABLE])),
  },
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

/** Returns the privileges that ALTER TABLE needs, and those for examining the table before it. */
function toAlter(tables: readonly string[]): RequiredPrivilege[] {
  return ['ALTER', 'CREATE', 'INSERT', 'SELECT'].map(privilege => ({ privilege, tables }));
}

function onDatabase(privileges: readonly string[]): () => Promise<readonly RequiredPrivilege[]> {
  return () => Promise.resolve(privileges.map(privilege => ({ privilege, tables: null })));
}
