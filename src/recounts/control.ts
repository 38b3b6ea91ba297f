import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Database } from '../database/database.js';
import { withoutEnrollments } from '../database/connections/purposes.js';
import { RecountRun, RunKind, RunStatus } from '../entities/index.js';
import { adminOnly, inputOf, type Asked } from '../access/access.js';
import { done, problem, rejected, UserErrorCode, type Outcome, type Problem } from '../use-cases/outcome.js';
import { inTransaction } from '../transactions/transactions.js';
import type { Viewer } from '../access/viewer.js';
import { LEASE_SECONDS, databaseTime, newOwner, heartbeat, type ClaimedRun } from './lease.js';
import { isLive, type RunRow } from './run.js';
import { lockRun } from './run-rows.js';
import { conflictingRun } from './start-recount.js';

const ID = ['input', 'id'];

/**
 * Pauses a run: once this is answered, the run changes nothing more, whichever process works on it; admins. Rejected:
 * NOT_FOUND, NOT_RUNNING.
 */
export function pauseRun(
  database: Database,
  caller: Viewer | null,
  asked: Asked<{ id: number }>,
): Promise<Outcome<{ id: number }>> {
  return end(database, caller, asked, RunStatus.PAUSED, [RunStatus.RUNNING]);
}

/**
 * Cancels a run that is RUNNING or PAUSED; it cannot be resumed. What it changed stays, and can be undone; admins.
 * Rejected: NOT_FOUND, NOT_RUNNING.
 */
export function cancelRun(
  database: Database,
  caller: Viewer | null,
  asked: Asked<{ id: number }>,
): Promise<Outcome<{ id: number }>> {
  return end(database, caller, asked, RunStatus.CANCELLED, [RunStatus.RUNNING, RunStatus.PAUSED]);
}

/**
 * Claims a run that is PAUSED, FAILED or interrupted, for this process to continue it with workOn(); admins.
 *
 * Of several processes that resume one run, one gets it. Rejected: NOT_FOUND; IN_USE if a process works on it or on
 * courses of it; NOT_RUNNING if it has finished.
 */
export function resumeRun(
  database: Database,
  caller: Viewer | null,
  asked: Asked<{ id: number }>,
  lease = LEASE_SECONDS,
): Promise<Outcome<ClaimedRun>> {
  adminOnly(caller);
  const { id } = inputOf(asked);
  const owner = newOwner();
  return inTransaction(
    database,
    async em => {
      const row = await lockRun(database, em, id);
      if (!row) return rejected(runNotFound(id));
      if (isLive(row))
        return rejected(
          problem(
            UserErrorCode.IN_USE,
            ID,
            `Run ${id} is being worked on by ${row.owner}. Pause it first to continue it elsewhere.`,
          ),
        );
      if (isFinished(row))
        return rejected(
          problem(
            UserErrorCode.NOT_RUNNING,
            ID,
            `Run ${id} has finished: it is ${row.status.toUpperCase()}. Start a new one.`,
          ),
        );
      await em.nativeUpdate(RecountRun, { id }, { isStarting: true });
      const conflict = row.dryRun ? null : await conflictingRun(database, em, id, row.courseIds);
      await em.nativeUpdate(
        RecountRun,
        { id },
        {
          isStarting: null,
          ...(!conflict && {
            status: RunStatus.RUNNING,
            owner,
            error: null,
            finishedAt: null,
            ...heartbeat(em, lease),
          }),
        },
      );
      return conflict ? rejected(conflict) : done({ id, owner });
    },
    async (em, { value }) => value !== null && (await lockRun(database, em, id))?.owner === owner,
  );
}

/** Returns the problem of a run that does not exist. */
export function runNotFound(id: number): Problem {
  return problem(UserErrorCode.NOT_FOUND, ID, `Run ${id} does not exist.`);
}

/** Returns true for a run that has nothing left to do; an undo that failed has taken back all that it can. */
export function isFinished({ status, kind, checked, total }: RunRow): boolean {
  if (status === RunStatus.FAILED) return kind === RunKind.UNDO && checked >= total;
  return status === RunStatus.SUCCEEDED || status === RunStatus.CANCELLED;
}

function end(
  database: Database,
  caller: Viewer | null,
  asked: Asked<{ id: number }>,
  to: RunStatus,
  from: readonly RunStatus[],
): Promise<Outcome<{ id: number }>> {
  adminOnly(caller);
  const { id } = inputOf(asked);
  const isEnded = async (em: SqlEntityManager): Promise<boolean> => (await lockRun(database, em, id))?.status === to;
  return withoutEnrollments(() =>
    inTransaction(
      database,
      async em => {
        const row = await lockRun(database, em, id);
        if (!row) return rejected(runNotFound(id));
        if (!from.includes(row.status))
          return rejected(
            problem(
              UserErrorCode.NOT_RUNNING,
              ID,
              `Run ${id} is ${row.status.toUpperCase()}, so it cannot become ${to.toUpperCase()}.`,
            ),
          );
        await em.nativeUpdate(
          RecountRun,
          { id },
          {
            status: to,
            updatedAt: databaseTime(em),
            ...(to === RunStatus.CANCELLED && { finishedAt: databaseTime(em) }),
          },
        );
        return done({ id });
      },
      async (em, { value }) => value !== null && isEnded(em),
    ),
  );
}
