import type { SqlEntityManager } from '@mikro-orm/sql';
import { verify, type VerifiedCount } from '../counters/index.js';
import type { Database } from '../database/database.js';
import { Course } from '../entities/index.js';
import { adminOnly, inputOf, type Asked } from '../access/access.js';
import { done, refused, UserErrorCode, type Outcome } from '../use-cases/outcome.js';
import { existing, scopeOf, scopeProblems, scopeSize } from './scope.js';
import { titlesOf } from './titles.js';
import type { Viewer } from '../access/viewer.js';

/** Says which courses to verify, and how. */
export interface VerifyRequest {
  /** Names the courses; all unless given. */
  readonly courseIds?: readonly number[] | null;
  /** Gives the counts that match too. */
  readonly all?: boolean;
  /** Fixes the courses of each chunk; unless given, chunks are sized so that each takes about 0.2 s. */
  readonly batchSize?: number;
  /** Ends the verification after the chunk at hand. */
  readonly signal?: AbortSignal;
}

/** Holds one counter of one course; `drift` is stored − actual. */
export interface CourseCount {
  readonly counter: string;
  readonly courseId: number;
  /** Is empty where the course has been deleted since. */
  readonly title: string;
  readonly stored: number;
  readonly actual: number;
  readonly drift: number;
}

/**
 * Holds what one chunk brought: how many courses were checked, and the counts that drift, or all that were asked for.
 */
export interface VerifiedCourses {
  readonly checked: number;
  readonly counts: readonly CourseCount[];
}

/** Is a verification that goes on as it is read. */
export interface Verification {
  /** Counts the courses in scope. */
  readonly total: number;
  readonly chunks: AsyncIterable<VerifiedCourses>;
}

/**
 * Verifies the stored counts of courses, chunk by chunk, and changes nothing; admins.
 *
 * Courses that do not exist are problems (NOT_FOUND, each by its index), and the others are verified nevertheless.
 */
export async function verifyCounts(
  database: Database,
  caller: Viewer | null,
  asked: Asked<VerifyRequest> = {},
): Promise<Outcome<Verification>> {
  adminOnly(caller);
  const request = inputOf(asked);
  const em = database.em.fork() as SqlEntityManager;
  const problems = await scopeProblems(em, request.courseIds);
  if (problems.some(({ code }) => code === UserErrorCode.INVALID)) return refused(...problems);
  const scope = scopeOf(request.courseIds);
  const known = scope && (await existing(em, scope));
  return done(
    { total: known?.length ?? (await scopeSize(em, null)), chunks: verifiedChunks(em, known, request) },
    problems,
  );
}

async function* verifiedChunks(
  em: SqlEntityManager,
  ids: readonly number[] | null,
  { all = false, batchSize, signal }: VerifyRequest,
): AsyncGenerator<VerifiedCourses> {
  for await (const { checked, drifts, counts } of verify(em, Course, { keys: ids?.map(id => [id]), all, batchSize })) {
    const found = all ? counts : drifts;
    const titles = await titlesOf(em, [...new Set(found.map(({ key }) => key[0] as number))]);
    yield { checked, counts: found.map(count => verifiedCount(count, titles)) };
    if (signal?.aborted) return;
  }
}

function verifiedCount(
  { counter, key, stored, actual }: VerifiedCount,
  titles: ReadonlyMap<number, string>,
): CourseCount {
  const courseId = key[0] as number;
  return { counter, courseId, title: titles.get(courseId) ?? '', stored, actual, drift: stored - actual };
}
