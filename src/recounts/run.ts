import { RunStatus, type RecountRun, type RunKind, type Key } from '../entities/index.js';
import type { PlainRow } from '../database/tables.js';

/** One run in the form in which people see it. */
export interface Run {
  readonly id: number;
  readonly kind: RunKind;
  /** FAILED also if the run was interrupted. */
  readonly status: RunStatus;
  /** Whether the process that worked on the run has disappeared; any process can resume the run. */
  readonly interrupted: boolean;
  /** The run whose changes this one takes back. */
  readonly undoneRunId: number | null;
  readonly dryRun: boolean;
  readonly startedBy: string;
  /** The ids of the courses in scope, ascending; null: all. */
  readonly courseIds: readonly Key[] | null;
  readonly batchSize: number | null;
  /** The pause after each chunk and each repair, in milliseconds. */
  readonly throttle: number;
  /** The number of courses in scope, or of changes to take back; `checked`: the number of those that are done. */
  readonly total: number;
  readonly checked: number;
  /**
   * The number of courses that drifted, and of those that were repaired; for an undo, the number of changes taken back.
   */
  readonly drifted: number;
  readonly repaired: number;
  readonly error: string | null;
  /** The name of the process that works on the run, or was the last to. */
  readonly owner: string;
  readonly startedAt: Date;
  readonly updatedAt: Date;
  readonly finishedAt: Date | null;
}

/** A row of the table of runs, and whether its lease has expired by the database's clock. */
export interface RunRow extends Omit<PlainRow<RecountRun>, 'courseIds'> {
  readonly courseIds: readonly Key[] | null;
  readonly lapsed: boolean;
}

/** Returns true if a process works on the run now, according to its lease. */
export function isLive({ status, lapsed }: RunRow): boolean {
  return status === RunStatus.RUNNING && !lapsed;
}

/** Returns a run as people see it, from its row. */
export function runOf(row: RunRow): Run {
  const interrupted = row.status === RunStatus.RUNNING && !isLive(row);
  return {
    id: row.id,
    kind: row.kind,
    status: interrupted ? RunStatus.FAILED : row.status,
    interrupted,
    undoneRunId: row.undoneRunId,
    dryRun: row.dryRun,
    startedBy: row.startedBy,
    courseIds: row.courseIds,
    batchSize: row.batchSize,
    throttle: row.throttle,
    total: row.total,
    checked: row.checked,
    drifted: row.drifted,
    repaired: row.repaired,
    error: interrupted
      ? `The process that worked on it, ${row.owner}, has not reported since ${row.updatedAt.toISOString()}. Resume run ${row.id} to continue where it stopped.`
      : row.error,
    owner: row.owner,
    startedAt: row.startedAt,
    updatedAt: row.updatedAt,
    finishedAt: row.finishedAt,
  };
}

/** Returns the number of the change up to which an undo has taken changes back; null: it has taken none back. */
export function lastTakenBack({ cursorId }: Pick<RunRow, 'cursorId'>): number | null {
  return cursorId === null ? null : Number(cursorId);
}
