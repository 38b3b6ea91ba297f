import { UniqueConstraintViolationException, type RequiredEntityData } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Database } from '../database/database.js';
import { RecountRun } from '../entities/index.js';
import { adminOnly, inputOf, type Asked } from '../access/access.js';
import { committedIfExists } from '../use-cases/lost-commit.js';
import { done, problem, refused, UserErrorCode, type Outcome, type Problem } from '../use-cases/outcome.js';
import { inTransaction } from '../transactions/transactions.js';
import type { Viewer } from '../access/viewer.js';
import { LEASE, moment, newOwner, signOfLife, type ClaimedRun } from './lease.js';
import { courseIdsOf, type RunRow } from './run.js';
import { otherLiveRuns, otherScheduledRun } from './run-rows.js';
import { overlap, scopeOf, scopeProblems, scopeSize, type Scope } from './scope.js';

/** Says what to recount and how. */
export interface RecountRequest {
  /** Names the courses; all unless given. */
  readonly courseIds?: readonly number[] | null;
  /** Tells what a recount would change, and changes nothing. */
  readonly dryRun?: boolean | null;
  /**
   * Fixes the courses of each chunk, from 1 to 10,000; unless given, chunks are sized so that each takes about 0.2 s.
   */
  readonly batchSize?: number | null;
  /** Pauses so many milliseconds after each chunk and each repair, 60,000 at most. */
  readonly throttle?: number | null;
  /** Names the command or schedule that asks, instead of the caller. */
  readonly startedBy?: string;
  /** Names the moment of a schedule: of several processes that start a run for it, one does. */
  readonly slot?: string;
}

/** Is how a run is entered into the table. */
export type NewRun = Pick<RecountRun, 'startedBy'> &
  Partial<
    Pick<
      RequiredEntityData<RecountRun>,
      'kind' | 'undoneRun' | 'dryRun' | 'batchSize' | 'throttle' | 'cursorId' | 'slot' | 'total'
    >
  >;

const MOST_IN_BATCH = 10_000;
const LONGEST_PAUSE = 60_000;

/**
 * Starts a recount, for this process to work on at once with workOn(); admins.
 *
 * Refused are courses that do not exist (NOT_FOUND), and a recount of courses that a live run is at already (IN_USE,
 * which names that run); a dry run gets in nobody's way. For a slot it is also IN_USE that another process has started
 * the run for it, or that the run of an earlier slot is still at work.
 */
export async function startRecount(
  database: Database,
  caller: Viewer | null,
  asked: Asked<RecountRequest> = {},
  lease = LEASE,
): Promise<Outcome<ClaimedRun>> {
  const admin = adminOnly(caller);
  const request = inputOf(asked);
  const startedBy = askedBy(admin, request.startedBy);
  const { batchSize, throttle, slot } = request;
  const scope = scopeOf(request.courseIds);
  try {
    return await inTransaction(
      database,
      async em => {
        const problems = [...(await scopeProblems(em, request.courseIds)), ...numberProblems(request)];
        if (problems.length > 0) return refused(...problems);
        return enter(
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
    if (!(error instanceof UniqueConstraintViolationException) || slot === undefined) throw error;
    return refused(problem(UserErrorCode.IN_USE, null, `A run for ${slot} has been started already.`));
  }
}

/** Gives the name of who asks, for the record: the caller, who must be an admin, or what it says it is. */
export function askedBy({ userId, role }: Viewer, name: string | undefined): string {
  return (name ?? (userId === null ? role : `user ${userId}`)).slice(0, 255);
}

/**
 * Enters a run unless another is in its way: one process at a time, so that of two that overlap the second sees the
 * first.
 */
export async function enter(
  database: Database,
  em: SqlEntityManager,
  scope: Scope,
  run: NewRun,
  lease: number,
): Promise<Outcome<ClaimedRun>> {
  const owner = newOwner();
  const id = (await em.insert(RecountRun, {
    ...run,
    courseIds: scope?.join(',') ?? null,
    owner,
    isStarting: true,
    startedAt: moment(em),
    ...signOfLife(em, lease),
  } as never)) as number;
  const inTheWay =
    (run.slot == null ? null : await lastStillAtWork(database, em, id)) ??
    (run.dryRun ? null : await runInTheWay(database, em, id, scope));
  if (inTheWay) {
    await em.nativeDelete(RecountRun, { id });
    return refused(inTheWay);
  }
  await em.nativeUpdate(RecountRun, { id }, { isStarting: null });
  return done({ id, owner });
}

/**
 * Gives the problem of a live run whose scope overlaps; the caller must have made its own run the one that is starting.
 */
export async function runInTheWay(
  database: Database,
  em: SqlEntityManager,
  id: number,
  scope: Scope,
): Promise<Problem | null> {
  const first = (await otherLiveRuns(database, em, id)).find(other => overlap(scope, courseIdsOf(other.courseIds)));
  return first
    ? problem(UserErrorCode.IN_USE, null, `${described(first)} Wait until it has finished, or cancel it first.`)
    : null;
}

/** Gives the problem of a schedule whose last run is not over, whichever process works on it. */
async function lastStillAtWork(database: Database, em: SqlEntityManager, id: number): Promise<Problem | null> {
  const last = await otherScheduledRun(database, em, id);
  return (
    last &&
    problem(UserErrorCode.IN_USE, null, `${described(last)} It was started for ${last.slot}, and has not finished.`)
  );
}

function described({ id, courseIds, startedBy, checked, total }: RunRow): string {
  const courses =
    courseIds === null ? 'all courses' : `${courseIdsOf(courseIds)!.length} course(s), some of them the same`;
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
  check('batchSize', batchSize, 1, MOST_IN_BATCH);
  check('throttle', throttle, 0, LONGEST_PAUSE);
  return problems;
}
