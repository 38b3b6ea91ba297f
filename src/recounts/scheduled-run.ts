import { channel } from 'node:diagnostics_channel';
import type { Database } from '../database/database.js';
import { Role, RunStatus } from '../entities/index.js';
import type { Outcome } from '../use-cases/outcome.js';
import type { Viewer } from '../access/viewer.js';
import type { BackgroundRuns } from './background-runs.js';
import type { Run } from './run.js';
import { startRecount } from './start-recount.js';

/** Names what a schedule does: only look for drift, or repair it too. */
export type ScheduledAction = 'verify' | 'recount';

/** Tells of a scheduled run that has looked at all courses: how many there were, drifted, and were repaired. */
export interface ScheduledResult {
  readonly courses: number;
  readonly drifted: number;
  readonly repaired: number;
  readonly at: Date;
}

/** Publishes a ScheduledResult for each scheduled run that has come to its end, in the process that did it. */
export const scheduledResults = channel('rollcall:verified');

const schedule: Viewer = { userId: null, role: Role.ADMIN };

/**
 * Verifies or recounts all courses for one moment of a schedule, and gives the run at its end; a verify is a dry run.
 *
 * Of all processes on one database one does it, since the moment is the run's slot. The others are refused (IN_USE),
 * and so are all while the run of an earlier moment is at work, or, for a recount, any other run that changes counts.
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
