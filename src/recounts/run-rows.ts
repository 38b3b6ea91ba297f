import type { SqlEntityManager } from '@mikro-orm/sql';
import { sql, type SelectQueryBuilder } from 'kysely';
import { dialectOf, type Database } from '../database/database.js';
import { keyOfText, RecountRun, RunKind, RunStatus } from '../entities/index.js';
import { keyFormOf } from '../database/mapped/key-forms.js';
import { builderFor, rows, rowsWithin } from '../database/query.js';
import { rowReader } from '../database/row-reader.js';
import { isTrue, storedBoolean, type StoredBoolean, type Tables } from '../database/tables.js';
import type { RunRow } from './run.js';

type RunsQuery = SelectQueryBuilder<
  Tables,
  'core_recount_runs',
  Tables['core_recount_runs'] & { readonly lapsed: StoredBoolean }
>;

/** Connects to the database, which the builder of queries needs, before the first call of a command. */
export async function ensureConnected(database: Database): Promise<void> {
  await database.em.getConnection('read').ensureConnection();
}

/** Returns the query of all runs, each with whether its lease has expired. */
export function runsQuery(database: Database): RunsQuery {
  const lapsed = sql.raw<StoredBoolean>(
    `case when lease_expires_at < ${dialectOf(database).sql.now()} then 1 else 0 end`,
  );
  return builderFor(database).selectFrom('core_recount_runs').selectAll().select(lapsed.as('lapsed'));
}

/** Returns the runs that a query finds, outside of any transaction or within that of an entity manager. */
export async function readRuns(database: Database, query: RunsQuery, em?: SqlEntityManager): Promise<RunRow[]> {
  const { plain } = rowReader(database, RecountRun);
  const form = keyFormOf(database, 'courses');
  const found = em ? await rowsWithin(em, query) : await rows(database, query);
  return found.map(row => {
    const run = plain(row);
    const { kind, cursorId: at, courseIds: ids } = run;
    // A text where keys of courses are UUIDs; the cursor of an undo is the number of a change.
    const cursorId = typeof at === 'string' ? keyOfText(at, kind === RunKind.UNDO ? 'number' : form) : at;
    const courseIds = ids === null ? null : ids.split(',').map(id => keyOfText(id, form));
    return { ...run, cursorId, courseIds, lapsed: isTrue(row.lapsed) };
  });
}

/** Returns one run's row; null if it does not exist. */
export async function runRow(database: Database, id: number): Promise<RunRow | null> {
  await ensureConnected(database);
  const [row] = await readRuns(database, runsQuery(database).where('id', '=', id));
  return row ?? null;
}

/** Locks one run in the open transaction; null if it does not exist. */
export async function lockRun(database: Database, em: SqlEntityManager, id: number): Promise<RunRow | null> {
  const query = runsQuery(database).where('id', '=', id);
  const [row] = await readRuns(database, dialectOf(database).sql.forUpdate(query), em);
  return row ?? null;
}

/** Returns the runs that a process works on and that change counts, except one of them. */
export async function otherLiveRuns(database: Database, em: SqlEntityManager, id: number): Promise<RunRow[]> {
  const running = await readRuns(
    database,
    runsQuery(database)
      .where('status', '=', RunStatus.RUNNING)
      .where('dry_run', '=', storedBoolean(false))
      .where('id', '!=', id)
      .orderBy('id'),
    em,
  );
  return running.filter(({ lapsed }) => !lapsed);
}

/** Returns the run for another moment of a schedule that a process works on; null if there is none. */
export async function otherScheduledRun(database: Database, em: SqlEntityManager, id: number): Promise<RunRow | null> {
  const scheduled = await readRuns(
    database,
    runsQuery(database)
      .where('status', '=', RunStatus.RUNNING)
      .where('slot', 'is not', null)
      .where('id', '!=', id)
      .orderBy('id'),
    em,
  );
  return scheduled.find(({ lapsed }) => !lapsed) ?? null;
}

/** Returns the undoings of a run, oldest first. */
export function undosOf(database: Database, em: SqlEntityManager, id: number): Promise<RunRow[]> {
  return readRuns(database, runsQuery(database).where('undone_run_id', '=', id).orderBy('id'), em);
}
