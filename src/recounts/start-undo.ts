import type { Database } from '../database/database.js';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { RecountChange, RecountRun, RunKind, RunStatus } from '../entities/index.js';
import { adminOnly, inputOf, type Asked } from '../access/access.js';
import { committedIfExists } from '../use-cases/lost-commit.js';
import { problem, rejected, UserErrorCode, type Outcome, type Problem } from '../use-cases/outcome.js';
import { inTransaction } from '../transactions/transactions.js';
import type { Viewer } from '../access/viewer.js';
import { isFinished, runNotFound } from './control.js';
import { LEASE_SECONDS, type ClaimedRun } from './lease.js';
import { lastTakenBack, type RunRow } from './run.js';
import { lockRun, undosOf } from './run-rows.js';
import { starterOf, recordRun } from './start-recount.js';

/** The run to undo, and who starts the undo if it is not the caller. */
export interface UndoRequest {
  readonly id: number;
  readonly startedBy?: string;
}

/**
 * Starts to undo a run, change by change (stored −= after − before), as a run of its own, for this process to work on
 * with workOn(); admins. It continues where an earlier undo was cancelled.
 *
 * Rejected: NOT_FOUND; IN_USE for a run that has not finished, or is undone or being undone; INVALID for a dry run, an
 * undo, and a run that changed nothing.
 */
export async function startUndo(
  database: Database,
  caller: Viewer | null,
  asked: Asked<UndoRequest>,
  lease = LEASE_SECONDS,
): Promise<Outcome<ClaimedRun>> {
  const admin = adminOnly(caller);
  const { id, startedBy } = inputOf(asked);
  const by = starterOf(admin, startedBy);
  return inTransaction(
    database,
    async em => {
      const row = await lockRun(database, em, id);
      if (!row) return rejected(runNotFound(id));
      const undoings = await undosOf(database, em, id);
      const refusal = undoProblem(row, undoings);
      if (refusal) return rejected(refusal);
      const last = undoings.at(-1);
      const cursorId = last ? lastTakenBack(last) : null;
      const total = await changesAfter(em, id, cursorId);
      if (total === 0)
        return rejected(
          undoRejection(
            UserErrorCode.INVALID,
            undoings.length > 0
              ? `Run ${id} was undone already.`
              : `Run ${id} changed nothing, so there is nothing to undo.`,
          ),
        );
      return recordRun(
        database,
        em,
        row.courseIds,
        { kind: RunKind.UNDO, undoneRun: id, startedBy: by, cursorId, total },
        lease,
      );
    },
    committedIfExists(RecountRun, claimed => claimed),
  );
}

function undoProblem(row: RunRow, undoings: readonly RunRow[]): Problem | null {
  const { id } = row;
  if (row.kind === RunKind.UNDO)
    return undoRejection(
      UserErrorCode.INVALID,
      `Run ${id} is itself the undo of run ${row.undoneRunId}. Recount to repair what it left.`,
    );
  if (row.dryRun) return undoRejection(UserErrorCode.INVALID, `Run ${id} was a dry run and changed nothing.`);
  if (row.status === RunStatus.RUNNING || row.status === RunStatus.PAUSED)
    return undoRejection(UserErrorCode.IN_USE, `Run ${id} has not finished. Cancel it first, or let it finish.`);
  const last = undoings.findLast(({ status }) => status !== RunStatus.CANCELLED);
  if (!last) return null;
  const text = isFinished(last)
    ? `Run ${id} was undone already, by run ${last.id}.`
    : `Run ${last.id} has begun to undo run ${id}. Resume that one, or let it finish.`;
  return undoRejection(UserErrorCode.IN_USE, text);
}

function changesAfter(em: SqlEntityManager, run: number, cursorId: number | null): Promise<number> {
  return em.count(RecountChange, { run, ...(cursorId !== null && { id: { $gt: cursorId } }) });
}

function undoRejection(code: UserErrorCode, message: string): Problem {
  return problem(code, ['input', 'id'], message);
}
