import { sql } from 'kysely';
import { dialectOf, type Database } from '../database/database.js';
import { RunStatus } from '../entities/index.js';
import { builderFor, rows } from '../database/query.js';
import { numberOf } from '../database/tables.js';
import { ensureConnected } from './run-rows.js';

/**
 * The states by which runs are counted: those of the table, and `interrupted` for runs that are RUNNING without a live
 * process.
 */
export const runStates = [...Object.values(RunStatus), 'interrupted'] as const;

/** Counts the recorded runs by their state. */
export async function runsByState(database: Database): Promise<Record<(typeof runStates)[number], number>> {
  await ensureConnected(database);
  const lapsed = sql.raw(`status = '${RunStatus.RUNNING}' and lease_expires_at < ${dialectOf(database).sql.now()}`);
  const state = sql<(typeof runStates)[number]>`case when ${lapsed} then 'interrupted' else status end`;
  const found = await rows(
    database,
    builderFor(database)
      .selectFrom('core_recount_runs')
      .select(eb => [state.as('state'), eb.fn.countAll<number>().as('runs')])
      .groupBy('state'),
  );
  return Object.fromEntries(
    runStates.map(name => [name, numberOf(found.find(row => row.state === name)?.runs ?? null)]),
  ) as Record<(typeof runStates)[number], number>;
}
