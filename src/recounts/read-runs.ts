import type { Database } from '../database/database.js';
import { adminOnly, inputOf, type Asked } from '../access/access.js';
import { paged, pageOf, type Ordering, type Page, type PageRequest } from '../reading/page.js';
import { builderFor, rows } from '../database/query.js';
import { numberOf, type Tables } from '../database/tables.js';
import type { Viewer } from '../access/viewer.js';
import { runOf, type Run } from './run.js';
import { ensureConnected, readRuns, runRow, runsQuery } from './run-rows.js';
import type { CourseChange } from './step.js';

/** The orders of runs, newest first, and of changes, in which they were made. */
export const newestFirst: Ordering = { list: 'recountRuns', field: 'ID', column: 'id', descending: true };
export const inOrder: Ordering = { list: 'changes', field: 'ID', column: 'id', descending: false };

/** One recorded change; of a dry run, one that would be made. */
export interface RecordedChange extends CourseChange {
  readonly id: number;
}

/** Returns one run; null if it does not exist. Admins. */
export async function runById(
  database: Database,
  caller: Viewer | null,
  asked: Asked<{ id: number }>,
): Promise<Run | null> {
  adminOnly(caller);
  const { id } = inputOf(asked);
  const row = await runRow(database, id);
  return row ? runOf(row) : null;
}

/** Returns one page of the runs, newest first; admins. */
export async function runPage(
  database: Database,
  caller: Viewer | null,
  asked: Asked<PageRequest>,
): Promise<Page<Run>> {
  adminOnly(caller);
  const page = inputOf(asked);
  await ensureConnected(database);
  const found = await readRuns(database, paged(database, runsQuery(database), newestFirst, page));
  return pageOf(found.map(runOf), page);
}

/** Counts the runs; admins. */
export async function runCount(database: Database, caller: Viewer | null): Promise<number> {
  adminOnly(caller);
  await ensureConnected(database);
  const [row] = await rows(
    database,
    builderFor(database)
      .selectFrom('core_recount_runs')
      .select(eb => eb.fn.countAll<number>().as('count')),
  );
  return numberOf(row!.count);
}

/** Returns one page of a run's changes, in the order in which they were made; admins. */
export async function changePage(
  database: Database,
  caller: Viewer | null,
  runId: number,
  page: PageRequest,
): Promise<Page<RecordedChange>> {
  adminOnly(caller);
  await ensureConnected(database);
  const query = builderFor(database).selectFrom('core_recount_changes').selectAll().where('run_id', '=', runId);
  const found = await rows(database, paged(database, query, inOrder, page));
  return pageOf(found.map(changeOf), page);
}

/** Returns a recorded change from its row. */
export function changeOf(row: Tables['core_recount_changes']): RecordedChange {
  return {
    id: row.id,
    counter: row.counter,
    courseId: row.course_id,
    before: row.count_before,
    after: row.count_after,
  };
}

/** Counts a run's changes; admins. */
export async function changeCount(database: Database, caller: Viewer | null, runId: number): Promise<number> {
  adminOnly(caller);
  await ensureConnected(database);
  const query = builderFor(database).selectFrom('core_recount_changes').where('run_id', '=', runId);
  const [row] = await rows(
    database,
    query.select(eb => eb.fn.countAll<number>().as('count')),
  );
  return numberOf(row!.count);
}
