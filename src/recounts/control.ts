import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Database } from '../database/database.js';
import { withoutEnrollments } from '../database/connections/purposes.js';
import { RecountRun, RunKind, RunStatus } from '../entities/index.js';
import { adminOnly, inputOf, type Asked } from '../access/access.js';
import { done, problem, refused, UserErrorCode, type Outcome, type Problem } from '../use-cases/outcome.js';
import { inTransaction } from '../transactions/transactions.js';
import type { Viewer } from '../access/viewer.js';
import { LEASE, moment, newOwner, signOfLife, type ClaimedRun } from './lease.js';
import { courseIdsOf, isLive, type RunRow } from './run.js';
import { lockRun } from './run-rows.js';
import { runInTheWay } from './start-recount.js';

const ID = ['input', 'id'];

/**
 * Pauses a run: from the answer on it changes nothing more, whichever process works on it; admins. Refused: NOT_FOUND,
 * NOT_RUNNING.
 */
export function pauseRun(
  database: Database,
  caller: Viewer | null,
  asked: Asked<{ id: number }>,
): Promise<Outcome<{ id: number }>> {
  return end(database, caller, asked, RunStatus.PAUSED, [RunStatus.RUNNING]);
}

/**
 * Cancels a run that is RUNNING or PAUSED, for good: what it changed stays, and can be undone; admins. Refused:
 * NOT_FOUND, NOT_RUNNING.
 */
export function cancelRun(
  database: Database,
  caller: Viewer | null,
  asked: Asked<{ id: number }>,
): Promise<Outcome<{ id: number }>> {
  return end(database, caller, asked, RunStatus.CANCELLED, [RunStatus.RUNNING, RunStatus.PAUSED]);
}

/**
 * Lets this process go on with a run that is PAUSED, FAILED or interrupted, with workOn(), from where it was; admins.
 *
 * Of several that resume one run, one does. Refused: NOT_FOUND; IN_USE where somebody works on it or on courses of it;
 * NOT_RUNNING where it has come to its end.
 */
export function resumeRun(
  database: Database,
  caller: Viewer | null,
  asked: Asked<{ id: number }>,
  lease = LEASE,
): Promise<Outcome<ClaimedRun>> {
  adminOnly(caller);
  const { id } = inputOf(asked);
  const owner = newOwner();
  return inTransaction(
    database,
    async em => {
      const row = await lockRun(database, em, id);
      if (!row) return refused(noRun(id));
      if (isLive(row))
        return refused(
          problem(
            UserErrorCode.IN_USE,
            ID,
            `Run ${id} is being worked on by ${row.owner}. Pause it first to go on with it elsewhere.`,
          ),
        );
      if (isOver(row))
        return refused(
          problem(
            UserErrorCode.NOT_RUNNING,
            ID,
            `Run ${id} has come to its end: it is ${row.status.toUpperCase()}. Start a new one.`,
          ),
        );
      await em.nativeUpdate(RecountRun, { id }, { isStarting: true });
      const inTheWay = row.dryRun ? null : await runInTheWay(database, em, id, courseIdsOf(row.courseIds));
      await em.nativeUpdate(
        RecountRun,
        { id },
        {
          isStarting: null,
          ...(!inTheWay && {
            status: RunStatus.RUNNING,
            owner,
            error: null,
            finishedAt: null,
            ...signOfLife(em, lease),
          }),
        },
      );
      return inTheWay ? refused(inTheWay) : done({ id, owner });
    },
    async (em, { value }) => value !== null && (await lockRun(database, em, id))?.owner === owner,
  );
}

/** Gives the problem of a run that is not there. */
export function noRun(id: number): Problem {
  return problem(UserErrorCode.NOT_FOUND, ID, `Run ${id} does not exist.`);
}

/** Tells whether nothing of a run is left to do; an undo that failed has taken back what can be taken back. */
export function isOver({ status, kind, checked, total }: RunRow): boolean {
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
        if (!row) return refused(noRun(id));
        if (!from.includes(row.status))
          return refused(
            problem(
              UserErrorCode.NOT_RUNNING,
              ID,
              `Run ${id} is ${row.status.toUpperCase()}, so it cannot become ${to.toUpperCase()}.`,
            ),
          );
        await em.nativeUpdate(
          RecountRun,
          { id },
          { status: to, updatedAt: moment(em), ...(to === RunStatus.CANCELLED && { finishedAt: moment(em) }) },
        );
        return done({ id });
      },
      async (em, { value }) => value !== null && isEnded(em),
    ),
  );
}
