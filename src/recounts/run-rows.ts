import { SqliteDriver, type AbstractSqlDriver, type SqlEntityManager } from '@mikro-orm/sql';
import { sql, type SelectQueryBuilder } from 'kysely';
import type { Database } from '../database/database.js';
import { RunStatus } from '../entities/index.js';
import { builderFor, rows } from '../database/query.js';
import type { Tables } from '../database/tables.js';
import { nowSql } from './clock.js';
import type { RunRow } from './run.js';

/** Connects to the database, which the builder of queries needs and a command's first call finds not yet done. */
export async function connected(database: Database): Promise<void> {
  await database.em.getConnection('read').ensureConnection();
}

/** Gives the query of all runs, each with whether its lease has run out. */
export function runsQuery(database: Database): SelectQueryBuilder<Tables, 'core_recount_runs', RunRow> {
  const lapsed = sql.raw<number>(
    `case when lease_expires_at < ${nowSql(database.driver as AbstractSqlDriver)} then 1 else 0 end`,
  );
  return builderFor(database)
    .selectFrom('core_recount_runs')
    .selectAll()
    .select(lapsed.as('lapsed')) as unknown as SelectQueryBuilder<Tables, 'core_recount_runs', RunRow>;
}

/** Gives one run's row; null: it is not there. */
export async function runRow(database: Database, id: number): Promise<RunRow | null> {
  await connected(database);
  const [row] = await rows(database, runsQuery(database).where('id', '=', id));
  return row ?? null;
}

/** Locks one run in the open transaction; null: it is not there. */
export async function lockRun(database: Database, em: SqlEntityManager, id: number): Promise<RunRow | null> {
  const query = runsQuery(database).where('id', '=', id);
  const [row] = await rowsIn(em, em.getDriver() instanceof SqliteDriver ? query : query.forUpdate());
  return row ?? null;
}

/** Gives the runs that somebody works on and that change counts, but for one of them. */
export async function otherLiveRuns(database: Database, em: SqlEntityManager, id: number): Promise<RunRow[]> {
  const rows = await rowsIn(
    em,
    runsQuery(database)
      .where('status', '=', RunStatus.RUNNING)
      .where('dry_run', '=', 0)
      .where('id', '!=', id)
      .orderBy('id'),
  );
  return rows.filter(({ lapsed }) => !lapsed);
}

/** Gives the run for another moment of a schedule that somebody works on; null: there is none. */
export async function otherScheduledRun(database: Database, em: SqlEntityManager, id: number): Promise<RunRow | null> {
  const scheduled = await rowsIn(
    em,
    runsQuery(database)
      .where('status', '=', RunStatus.RUNNING)
      .where('slot', 'is not', null)
      .where('id', '!=', id)
      .orderBy('id'),
  );
  return scheduled.find(({ lapsed }) => !lapsed) ?? null;
}

/** Gives the undoings of a run, oldest first. */
export function undoingsOf(database: Database, em: SqlEntityManager, id: number): Promise<RunRow[]> {
  return rowsIn(em, runsQuery(database).where('undone_run_id', '=', id).orderBy('id'));
}

function rowsIn(
  em: SqlEntityManager,
  query: SelectQueryBuilder<Tables, 'core_recount_runs', RunRow>,
): Promise<RunRow[]> {
  const { sql: text, parameters } = query.compile();
  return em.execute<RunRow[]>(text, [...parameters]);
}
