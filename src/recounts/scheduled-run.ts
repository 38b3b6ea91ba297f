import { channel } from 'node:diagnostics_channel';
import type { Database } from '../database/database.js';
import { Role, RunStatus } from '../entities/index.js';
import type { Outcome } from '../use-cases/outcome.js';
import type { Viewer } from '../access/viewer.js';
import type { BackgroundRuns } from './background-runs.js';
import type { Run } from './run.js';
import { startRecount } from './start-recount.js';

/** The action of a schedule: only to find drift, or to repair it too. */
export type ScheduledAction = 'verify' | 'recount';

/** The result of a scheduled run that has checked all courses: how many there were, drifted, and were repaired. */
export interface ScheduledResult {
  readonly courses: number;
  readonly drifted: number;
  readonly repaired: number;
  readonly at: Date;
}

/** The channel of a ScheduledResult for each scheduled run that has succeeded in this process. */
export const scheduledResults = channel('rollcall:verified');

const schedule: Viewer = { userId: null, role: Role.ADMIN };

/**
 * Verifies or recounts all courses for one moment of a schedule, and returns the finished run; a verify is a dry run.
 *
 * Only one of the processes on a database does it, because the moment is the run's slot. The others are rejected
 * (IN_USE). All are rejected while the run of an earlier moment is at work or, for a recount, any other run that
 * changes counts.
 */
export async function runForMoment(
  runs: BackgroundRuns,
  database: Database,
  action: ScheduledAction,
  moment: Date,
): Promise<Outcome<Run>> {
  const slot = `the schedule's ${moment.toISOString()}`;
  const outcome = await runs.complete(() =>
    startRecount(database, schedule, { dryRun: action === 'verify', startedBy: 'schedule', slot }),
  );
  const run = outcome.value;
  if (run?.status === RunStatus.SUCCEEDED)
    scheduledResults.publish({
      courses: run.checked,
      drifted: run.drifted,
      repaired: run.repaired,
      at: run.finishedAt!,
    } satisfies ScheduledResult);
  return outcome;
}
