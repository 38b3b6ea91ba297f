import { RunStatus, type RunKind } from '../entities/index.js';
import { dateOf, type StoredMoment, type Tables } from '../database/tables.js';

/** Holds one run as people see it. */
export interface Run {
  readonly id: number;
  readonly kind: RunKind;
  /** Is FAILED also where the run was interrupted. */
  readonly status: RunStatus;
  /** Tells whether the process that worked on the run went away without a word; any process can resume it. */
  readonly interrupted: boolean;
  /** Is the run whose changes this one takes back. */
  readonly undoneRunId: number | null;
  readonly dryRun: boolean;
  readonly startedBy: string;
  /** Holds the ids of the courses in scope, ascending; null: all. */
  readonly courseIds: readonly number[] | null;
  readonly batchSize: number | null;
  /** Is the pause after each chunk and each repair, in milliseconds. */
  readonly throttle: number;
  /** Counts the courses in scope, or the changes to take back; `checked` those that are done. */
  readonly total: number;
  readonly checked: number;
  /** Counts the courses that drifted, and those of them that were repaired; for an undo, the changes taken back. */
  readonly drifted: number;
  readonly repaired: number;
  readonly error: string | null;
  /** Names the process that works on the run, or was the last to. */
  readonly owner: string;
  readonly startedAt: Date;
  readonly updatedAt: Date;
  readonly finishedAt: Date | null;
}

/** Is a row of the table, and whether its lease has run out by the database's clock. */
export type RunRow = Tables['core_recount_runs'] & { readonly lapsed: number };

/** Tells whether somebody works on a run at this moment, as far as the lease says. */
export function isLive({ status, lapsed }: RunRow): boolean {
  return status === RunStatus.RUNNING && !lapsed;
}

/** Gives a run as people see it from its row. */
export function runOf(row: RunRow): Run {
  const interrupted = row.status === RunStatus.RUNNING && !isLive(row);
  const moment = (value: StoredMoment | null): Date | null => (value === null ? null : dateOf(value));
  return {
    id: row.id,
    kind: row.kind,
    status: interrupted ? RunStatus.FAILED : row.status,
    interrupted,
    undoneRunId: row.undone_run_id,
    dryRun: Boolean(row.dry_run),
    startedBy: row.started_by,
    courseIds: idsOf(row.course_ids),
    batchSize: row.batch_size,
    throttle: row.throttle,
    total: row.total,
    checked: row.checked,
    drifted: row.drifted,
    repaired: row.repaired,
    error: interrupted
      ? `The process that worked on it, ${row.owner}, has not been heard of since ${dateOf(row.updated_at).toISOString()}. Resume run ${row.id} to go on where it was.`
      : row.error,
    owner: row.owner,
    startedAt: dateOf(row.started_at),
    updatedAt: dateOf(row.updated_at),
    finishedAt: moment(row.finished_at),
  };
}

/** Gives course ids from the text that a run keeps them in; null: all courses. */
export function idsOf(text: string | null): number[] | null {
  return text === null ? null : text.split(',').map(Number);
}
