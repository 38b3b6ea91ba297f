import type { Database } from '../database/database.js';
import { adminOnly } from '../access/access.js';
import { paged, pageOf, type Page, type PageRequest } from '../reading/page.js';
import { builderFor, rows, unionOf } from '../database/query.js';
import { numberOf } from '../database/tables.js';
import type { Viewer } from '../access/viewer.js';
import { changeOf, inOrder, type RecordedChange } from './read-runs.js';
import { runOf, type Run } from './run.js';
import { ensureConnected, readRuns, runsQuery } from './run-rows.js';

/** Returns runs by id, in the order of the ids; null if the run does not exist. Admins. */
export async function runsById(
  database: Database,
  caller: Viewer | null,
  ids: readonly number[],
): Promise<(Run | null)[]> {
  adminOnly(caller);
  await ensureConnected(database);
  const found = new Map(
    (await readRuns(database, runsQuery(database).where('id', 'in', [...ids]))).map(row => [row.id, runOf(row)]),
  );
  return ids.map(id => found.get(id) ?? null);
}

/** Returns the same page of the changes of each of many runs, in one statement, in the order of the ids; admins. */
export async function changePages(
  database: Database,
  caller: Viewer | null,
  runIds: readonly number[],
  page: PageRequest,
): Promise<Page<RecordedChange>[]> {
  adminOnly(caller);
  await ensureConnected(database);
  const one = (id: number) =>
    paged(
      database,
      builderFor(database).selectFrom('core_recount_changes').selectAll().where('run_id', '=', id),
      inOrder,
      page,
    );
  // SQLite accepts a LIMIT inside a UNION only in a subquery of its own.
  const wrapped = runIds.map(id => builderFor(database).selectFrom(one(id).as('page')).selectAll());
  const query = unionOf(wrapped);
  const byRun = Map.groupBy(await rows(database, query), row => row.run_id);
  // A union has no order, so each part is sorted again.
  const sign = page.backward ? -1 : 1;
  return runIds.map(id => pageOf((byRun.get(id) ?? []).toSorted((a, b) => sign * (a.id - b.id)).map(changeOf), page));
}

/** Counts the changes of each of many runs, in one statement, in the order of the ids; admins. */
export async function changeCounts(
  database: Database,
  caller: Viewer | null,
  runIds: readonly number[],
): Promise<number[]> {
  adminOnly(caller);
  await ensureConnected(database);
  const query = builderFor(database)
    .selectFrom('core_recount_changes')
    .where('run_id', 'in', [...runIds])
    .groupBy('run_id')
    .select(['run_id']);
  const counts = new Map(
    (
      await rows(
        database,
        query.select(eb => eb.fn.countAll<number>().as('count')),
      )
    ).map(row => [row.run_id, numberOf(row.count)]),
  );
  return runIds.map(id => counts.get(id) ?? 0);
}
