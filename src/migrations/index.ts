import type { Constructor } from '@mikro-orm/core';
import type { Migration } from '@mikro-orm/migrations';
import { Initial as InitialOnMysql } from './mysql/2026-11-22-initial.js';
import { RecountRuns as RecountRunsOnMysql } from './mysql/2026-11-22-recount-runs.js';
import { VerifyProcedure } from './mysql/2026-11-22-verify-procedure.js';
import { WideNumbers } from './mysql/2026-11-28-wide-numbers.js';
import { PageIndexes as PageIndexesOnMysql } from './mysql/2026-11-28-page-indexes.js';
import { Initial as InitialOnSqlite } from './sqlite/2026-11-22-initial.js';
import { RecountRuns as RecountRunsOnSqlite } from './sqlite/2026-11-22-recount-runs.js';
import { PageIndexes as PageIndexesOnSqlite } from './sqlite/2026-11-28-page-indexes.js';

/** Lists one migration under the name that the database remembers. */
export interface MigrationEntry {
  readonly name: string;
  readonly class: Constructor<Migration>;
  /** The tables that it makes, in the order in which undoing it drops them; with them go their rows. */
  readonly tables: readonly string[];
  /** Lists the privileges on the database that it needs and that those who keep tables need not have. */
  readonly privileges?: readonly string[];
}

const INITIAL_TABLES = ['core_enrollments', 'core_course', 'core_user'];
const RUN_TABLES = ['core_recount_changes', 'core_recount_runs'];

const onMysql: readonly MigrationEntry[] = [
  { name: '2026-11-22-initial', class: InitialOnMysql, tables: INITIAL_TABLES },
  { name: '2026-11-22-recount-runs', class: RecountRunsOnMysql, tables: RUN_TABLES },
  { name: '2026-11-22-verify-procedure', class: VerifyProcedure, tables: [], privileges: VerifyProcedure.privileges },
  { name: '2026-11-28-wide-numbers', class: WideNumbers, tables: [] },
  { name: '2026-11-28-page-indexes', class: PageIndexesOnMysql, tables: [] },
];
const onSqlite: readonly MigrationEntry[] = [
  { name: '2026-11-22-initial', class: InitialOnSqlite, tables: INITIAL_TABLES },
  { name: '2026-11-22-recount-runs', class: RecountRunsOnSqlite, tables: RUN_TABLES },
  { name: '2026-11-28-page-indexes', class: PageIndexesOnSqlite, tables: [] },
];

/** Gives the migrations for a kind of database, oldest first. */
export function migrationsFor(kind: 'sqlite' | 'mysql' | 'mariadb'): MigrationEntry[] {
  return [...(kind === 'sqlite' ? onSqlite : onMysql)];
}
