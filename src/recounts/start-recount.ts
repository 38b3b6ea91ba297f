import { UniqueConstraintViolationException, type RequiredEntityData } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Database } from '../database/database.js';
import { keyText, RecountRun, shownKey, type Key } from '../entities/index.js';
import { adminOnly, inputOf, type Asked } from '../access/access.js';
import { committedIfExists } from '../use-cases/lost-commit.js';
import { done, problem, rejected, UserErrorCode, type Outcome, type Problem } from '../use-cases/outcome.js';
import { databaseErrorOf } from '../transactions/refused-row.js';
import { inTransaction } from '../transactions/transactions.js';
import type { Viewer } from '../access/viewer.js';
import { LEASE_SECONDS, databaseTime, newOwner, heartbeat, type ClaimedRun } from './lease.js';
import type { RunRow } from './run.js';
import { otherLiveRuns, otherScheduledRun } from './run-rows.js';
import { overlaps, scopeOf, scopeProblems, scopeSize, type Scope } from './scope.js';

/** A recount to start. */
export interface RecountRequest {
  /** The ids of the courses; all if omitted. */
  readonly courseIds?: readonly Key[] | null;
  /** Whether to report what a recount would change, and change nothing. */
  readonly dryRun?: boolean | null;
  /** The number of courses in each chunk, from 1 to 10,000; if omitted, chunks are sized to take about 0.2 s each. */
  readonly batchSize?: number | null;
  /** The pause after each chunk and each repair, in milliseconds, 60,000 at most. */
  readonly throttle?: number | null;
  /** The name of the command or schedule that starts the run; the caller's if omitted. */
  readonly startedBy?: string;
  /** The moment of a schedule: only one of the processes that start a run for it succeeds. */
  readonly slot?: string;
}

/** The initial values of a new run. */
export type NewRun = Pick<RecountRun, 'startedBy'> &
  Partial<
    Pick<
      RequiredEntityData<RecountRun>,
      'kind' | 'undoneRun' | 'dryRun' | 'batchSize' | 'throttle' | 'cursorId' | 'slot' | 'total'
    >
  >;

const MAX_BATCH_COURSES = 10_000;
const MAX_THROTTLE_MS = 60_000;

/**
 * Starts a recount, for this process to work on at once with workOn(); admins.
 *
 * Rejected: NOT_FOUND for courses that do not exist; IN_USE, unless it is a dry run, while another run works on some of
 * the courses, which it names. With a slot also IN_USE if another process has started the run for it, or while the run
 * of an earlier slot is at work.
 */
export async function startRecount(
  database: Database,
  caller: Viewer | null,
  asked: Asked<RecountRequest> = {},
  lease = LEASE_SECONDS,
): Promise<Outcome<ClaimedRun>> {
  const admin = adminOnly(caller);
  const request = inputOf(asked);
  const startedBy = starterOf(admin, request.startedBy);
  const { batchSize, throttle, slot } = request;
  const scope = scopeOf(request.courseIds);
  try {
    return await inTransaction(
      database,
      async em => {
        const problems = [...(await scopeProblems(em, request.courseIds)), ...numberProblems(request)];
        if (problems.length > 0) return rejected(...problems);
        return recordRun(
          database,
          em,
          scope,
          {
            startedBy,
            dryRun: request.dryRun ?? false,
            batchSize: batchSize ?? null,
            throttle: throttle ?? 0,
            slot,
            total: await scopeSize(em, scope),
          },
          lease,
        );
      },
      committedIfExists(RecountRun, claimed => claimed),
    );
  } catch (error) {
    if (!(databaseErrorOf(error) instanceof UniqueConstraintViolationException) || slot === undefined) throw error;
    return rejected(problem(UserErrorCode.IN_USE, null, `A run for ${slot} has been started already.`));
  }
}

/** Returns the name that a run records as its starter: the given one, or that of the caller, an admin. */
export function starterOf({ userId, role }: Viewer, name: string | undefined): string {
  return (name ?? (userId === null ? role : `user ${shownKey(userId)}`)).slice(0, 255);
}

/**
 * Records a run unless it conflicts with another one. Only one process at a time does so, so the second of two
 * overlapping runs sees the first.
 */
export async function recordRun(
  database: Database,
  em: SqlEntityManager,
  scope: Scope,
  run: NewRun,
  lease: number,
): Promise<Outcome<ClaimedRun>> {
  const owner = newOwner();
  const id: number = await em.insert(RecountRun, {
    ...run,
    courseIds: scope?.map(keyText).join(',') ?? null,
    owner,
    isStarting: true,
    startedAt: databaseTime(em),
    ...heartbeat(em, lease),
  });
  const conflict =
    (run.slot == null ? null : await unfinishedSlot(database, em, id)) ??
    (run.dryRun ? null : await conflictingRun(database, em, id, scope));
  if (conflict) {
    await em.nativeDelete(RecountRun, { id });
    return rejected(conflict);
  }
  await em.nativeUpdate(RecountRun, { id }, { isStarting: null });
  return done({ id, owner });
}

/**
 * Returns the problem of a live run whose scope overlaps; null if there is none. The caller's own run must be the one
 * that is starting.
 */
export async function conflictingRun(
  database: Database,
  em: SqlEntityManager,
  id: number,
  scope: Scope,
): Promise<Problem | null> {
  const first = (await otherLiveRuns(database, em, id)).find(other => overlaps(scope, other.courseIds));
  return first
    ? problem(UserErrorCode.IN_USE, null, `${runDescription(first)} Wait until it has finished, or cancel it first.`)
    : null;
}

/**
 * Returns the problem of a schedule whose last run has not finished, whichever process works on it; null if there is
 * none.
 */
async function unfinishedSlot(database: Database, em: SqlEntityManager, id: number): Promise<Problem | null> {
  const last = await otherScheduledRun(database, em, id);
  return (
    last &&
    problem(
      UserErrorCode.IN_USE,
      null,
      `${runDescription(last)} It was started for ${last.slot}, and has not finished.`,
    )
  );
}

function runDescription({ id, courseIds, startedBy, checked, total }: RunRow): string {
  const courses = courseIds === null ? 'all courses' : `${courseIds.length} course(s), some of them the same`;
  return `Run ${id}, started by ${startedBy}, is at work on ${courses} (${checked} of ${total} checked).`;
}

function numberProblems({ batchSize, throttle }: RecountRequest): Problem[] {
  const problems: Problem[] = [];
  const check = (name: string, value: number | null | undefined, least: number, most: number): void => {
    if (value == null || (Number.isInteger(value) && value >= least && value <= most)) return;
    problems.push(
      problem(
        UserErrorCode.INVALID,
        ['input', name],
        `The ${name} ${value} is not a whole number from ${least} to ${most}.`,
      ),
    );
  };
  check('batchSize', batchSize, 1, MAX_BATCH_COURSES);
  check('throttle', throttle, 0, MAX_THROTTLE_MS);
  return problems;
}
