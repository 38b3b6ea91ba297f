import type { Constructor } from '@mikro-orm/core';
import type { Migration } from '@mikro-orm/migrations';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { INITIAL_TABLES, RUN_TABLES, type MadeTable } from './made-tables.js';
import { Initial as InitialOnMysql } from './mysql/2026-11-22-initial.js';
import { RecountRuns as RecountRunsOnMysql } from './mysql/2026-11-22-recount-runs.js';
import { VerifyProcedure } from './mysql/2026-11-22-verify-procedure.js';
import { PageIndexes as PageIndexesOnMysql } from './mysql/2026-11-28-page-indexes.js';
import { narrowColumns, WideNumbers } from './mysql/2026-11-28-wide-numbers.js';
import { PROCEDURE } from './own-procedure.js';
import { PAGED_TABLE, pageIndexes } from './page-indexes.js';
import { Initial as InitialOnSqlite } from './sqlite/2026-11-22-initial.js';
import { RecountRuns as RecountRunsOnSqlite } from './sqlite/2026-11-22-recount-runs.js';
import { PageIndexes as PageIndexesOnSqlite } from './sqlite/2026-11-28-page-indexes.js';

/** Lists one migration under the name that the database remembers. */
export interface MigrationEntry {
  readonly name: string;
  readonly class: Constructor<Migration>;
  /** The tables that it makes, in the order in which undoing it drops them; with them go their rows. */
  readonly tables: readonly MadeTable[];
  /** The indexes that it makes for tables that are there. */
  readonly indexes?: readonly string[];
  /** The procedure that it makes, unless another application has one of this name. */
  readonly procedure?: string;
  /** Returns the privileges of MySQL and MariaDB that it needs in a database as it stands. */
  readonly needs: (em: SqlEntityManager) => Promise<readonly Need[]>;
}

/** A privilege, on all of these tables, or on the database: null. */
export interface Need {
  readonly privilege: string;
  readonly tables: readonly string[] | null;
}

const nothing = (): Promise<readonly Need[]> => Promise.resolve([]);

function toMake(tables: readonly MadeTable[], referredTo: readonly string[]): () => Promise<readonly Need[]> {
  return () =>
    Promise.resolve([
      { privilege: 'CREATE', tables: tables.map(({ name }) => name) },
      { privilege: 'REFERENCES', tables: referredTo },
    ]);
}

/** Returns what it takes to copy a table, and to make its foreign keys again. */
async function toWiden(em: SqlEntityManager): Promise<readonly Need[]> {
  const tables = [...(await narrowColumns(sql => em.execute(sql))).keys()];
  return tables.length > 0 ? [...toAlter(tables), { privilege: 'REFERENCES', tables }] : [];
}

/** Returns what ALTER TABLE needs, and the look at the table before it. */
function toAlter(tables: readonly string[]): Need[] {
  return ['ALTER', 'CREATE', 'INSERT', 'SELECT'].map(privilege => ({ privilege, tables }));
}

function onDatabase(privileges: readonly string[]): () => Promise<readonly Need[]> {
  return () => Promise.resolve(privileges.map(privilege => ({ privilege, tables: null })));
}

const PAGE_INDEXES = pageIndexes.map(({ name }) => name);

const onMysql: readonly MigrationEntry[] = [
  {
    name: '2026-11-22-initial',
    class: InitialOnMysql,
    tables: INITIAL_TABLES,
    needs: toMake(INITIAL_TABLES, ['core_user', 'core_course']),
  },
  {
    name: '2026-11-22-recount-runs',
    class: RecountRunsOnMysql,
    tables: RUN_TABLES,
    needs: toMake(RUN_TABLES, ['core_recount_runs']),
  },
  {
    name: '2026-11-22-verify-procedure',
    class: VerifyProcedure,
    tables: [],
    procedure: PROCEDURE,
    needs: onDatabase(VerifyProcedure.privileges),
  },
  { name: '2026-11-28-wide-numbers', class: WideNumbers, tables: [], needs: toWiden },
  {
    name: '2026-11-28-page-indexes',
    class: PageIndexesOnMysql,
    tables: [],
    indexes: PAGE_INDEXES,
    needs: () => Promise.resolve(toAlter([PAGED_TABLE])),
  },
];
const onSqlite: readonly MigrationEntry[] = [
  { name: '2026-11-22-initial', class: InitialOnSqlite, tables: INITIAL_TABLES, needs: nothing },
  { name: '2026-11-22-recount-runs', class: RecountRunsOnSqlite, tables: RUN_TABLES, needs: nothing },
  { name: '2026-11-28-page-indexes', class: PageIndexesOnSqlite, tables: [], indexes: PAGE_INDEXES, needs: nothing },
];

/** Gives the migrations for a kind of database, oldest first. */
export function migrationsFor(kind: 'sqlite' | 'mysql' | 'mariadb'): MigrationEntry[] {
  return [...(kind === 'sqlite' ? onSqlite : onMysql)];
}
