import { raw } from '@mikro-orm/core';
import type { Database } from '../database/database.js';
import { RecountRun, type RunStatus } from '../entities/index.js';

/** Counts the runs on record by their status; a status that no run has is left out. */
export async function runsByStatus(database: Database): Promise<ReadonlyMap<RunStatus, number>> {
  const builder = database.em.fork().createQueryBuilder(RecountRun, 'r').select(['status', raw('count(*) as runs')]).groupBy('status');
  const rows = await builder.execute<{ status: RunStatus; runs: number | string }[]>('all');
  return new Map(rows.map(({ status, runs }) => [status, Number(runs)]));
}
