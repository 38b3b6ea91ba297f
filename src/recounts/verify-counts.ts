import type { SqlEntityManager } from '@mikro-orm/sql';
import { verify, type VerifiedCount } from 'mikro-orm-counters';
import type { Database } from '../database/database.js';
import { countOf, Course, type Key } from '../entities/index.js';
import { adminOnly, inputOf, type Asked } from '../access/access.js';
import { done, rejected, UserErrorCode, type Outcome } from '../use-cases/outcome.js';
import { existingCourseIds, scopeOf, scopeProblems, scopeSize } from './scope.js';
import { titlesOf } from './titles.js';
import type { Viewer } from '../access/viewer.js';

/** Which courses to verify, and how. */
export interface VerifyRequest {
  /** The ids of the courses; all if left out. */
  readonly courseIds?: readonly Key[] | null;
  /** True for the counts that match too. */
  readonly all?: boolean;
  /** The number of courses in each chunk; if left out, chunks are sized to take about 0.2 s each. */
  readonly batchSize?: number;
  /** Ends the verification after the current chunk. */
  readonly signal?: AbortSignal;
}

/** One counter of one course; `drift` is stored − actual. */
export interface CourseCount {
  readonly counter: string;
  readonly courseId: Key;
  /** Empty if the course has been deleted meanwhile. */
  readonly title: string;
  readonly stored: number;
  readonly actual: number;
  readonly drift: number;
}

/** The result of one chunk: how many courses were checked, and the counts that drift, or all if requested. */
interface VerifiedCourses {
  readonly checked: number;
  readonly counts: readonly CourseCount[];
}

/** A verification, which advances as its chunks are read. */
export interface Verification {
  /** How many courses are in scope. */
  readonly total: number;
  readonly chunks: AsyncIterable<VerifiedCourses>;
}

/**
 * Verifies the stored counts of courses, chunk by chunk, and changes nothing; admins.
 *
 * Courses that do not exist are problems (NOT_FOUND, each by its index); the others are still verified.
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
  if (problems.some(({ code }) => code === UserErrorCode.INVALID)) return rejected(...problems);
  const scope = scopeOf(request.courseIds);
  const existing = scope && (await existingCourseIds(em, scope));
  return done(
    { total: existing?.length ?? (await scopeSize(em, null)), chunks: verifiedChunks(em, existing, request) },
    problems,
  );
}

async function* verifiedChunks(
  em: SqlEntityManager,
  ids: readonly Key[] | null,
  { all = false, batchSize, signal }: VerifyRequest,
): AsyncGenerator<VerifiedCourses> {
  for await (const { checked, drifts, counts } of verify(em, Course, { keys: ids?.map(id => [id]), all, batchSize })) {
    const found = all ? counts : drifts;
    const titles = await titlesOf(em, [...new Set(found.map(({ key }) => key[0] as Key))]);
    yield { checked, counts: found.map(count => verifiedCount(count, titles)) };
    if (signal?.aborted) return;
  }
}

function verifiedCount({ counter, key, stored, actual }: VerifiedCount, titles: ReadonlyMap<Key, string>): CourseCount {
  const courseId = key[0] as Key;
  const counts = { stored: countOf(stored), actual: countOf(actual) };
  return { counter, courseId, title: titles.get(courseId) ?? '', ...counts, drift: counts.stored - counts.actual };
}
