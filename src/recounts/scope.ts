import type { SqlEntityManager } from '@mikro-orm/sql';
import { Course, sortedKeys, type Key } from '../entities/index.js';
import { problem, UserErrorCode, type Problem } from '../use-cases/outcome.js';
import { notFound } from '../use-cases/seats.js';

/** The most courses that one call may name; a run keeps them in one column. */
const MAX_COURSES_OF_RUN = 5000;

const COURSE_IDS = ['input', 'courseIds'];

/** The ids of the courses in scope, ascending and each once; null: all. */
export type Scope = readonly Key[] | null;

/** Returns the scope that a caller names; undefined and null mean all courses. */
export function scopeOf(courseIds: readonly Key[] | null | undefined): Scope {
  return courseIds ? sortedKeys(courseIds) : null;
}

/**
 * Returns the problems of the ids that a caller names: an empty list, too many, or courses that do not exist, each by
 * its index.
 */
export async function scopeProblems(
  em: SqlEntityManager,
  courseIds: readonly Key[] | null | undefined,
): Promise<Problem[]> {
  if (!courseIds) return [];
  if (courseIds.length === 0)
    return [
      problem(
        UserErrorCode.INVALID,
        COURSE_IDS,
        'The list names no course. Name some, or leave it out for all courses.',
      ),
    ];
  const scope = scopeOf(courseIds)!;
  if (scope.length > MAX_COURSES_OF_RUN)
    return [
      problem(
        UserErrorCode.INVALID,
        COURSE_IDS,
        `The list names ${scope.length} courses; at most ${MAX_COURSES_OF_RUN} fit. Leave it out for all courses.`,
      ),
    ];
  const existing = new Set(await existingCourseIds(em, scope));
  return courseIds.flatMap((id, index) =>
    existing.has(id) ? [] : [notFound('Course', id, [...COURSE_IDS, String(index)])],
  );
}

/** Returns the ids of a list whose courses exist, in ascending order. */
export async function existingCourseIds(em: SqlEntityManager, ids: readonly Key[]): Promise<Key[]> {
  const rows = await em
    .createQueryBuilder(Course, 'c')
    .select(['id'])
    .where({ id: { $in: [...ids] } })
    .orderBy({ id: 'asc' })
    .execute<{ id: Key }[]>('all');
  return rows.map(({ id }) => id);
}

/** Counts the existing courses of a scope. */
export async function scopeSize(em: SqlEntityManager, scope: Scope): Promise<number> {
  return scope === null ? em.count(Course) : (await existingCourseIds(em, scope)).length;
}

/** Returns true if two scopes have a course in common. */
export function overlaps(one: Scope, other: Scope): boolean {
  if (one === null || other === null) return true;
  const ids = new Set(one);
  return other.some(id => ids.has(id));
}
