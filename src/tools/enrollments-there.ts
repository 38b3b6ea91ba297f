import { Utils } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { Enrollment } from '../entities/index.js';
import { pairOf, type Pair } from '../use-cases/pair.js';

/** An enrollment that is there already. */
export type EnrollmentThere = Pick<Enrollment, 'id' | 'status'>;

/** Returns the enrollments of courses and students that are there already, by pairOf(). */
export async function enrollmentsThere(
  em: SqlEntityManager,
  pairs: readonly Pair[],
): Promise<Map<string, EnrollmentThere>> {
  if (pairs.length === 0) return new Map();
  // MikroORM's way to compare several columns as one value: two lists would make the database try every combination.
  const pair = Utils.getPrimaryKeyHash(['course', 'student']);
  const rows = (await em
    .createQueryBuilder(Enrollment, 'e')
    .select(['id', 'course', 'student', 'status'])
    .where({ [pair]: { $in: pairs.map(({ courseId, studentId }) => [courseId, studentId]) } })
    .execute('all')) as unknown as (EnrollmentThere & { course: number; student: number })[];
  return new Map(
    rows.map(({ id, course, student, status }) => [pairOf({ courseId: course, studentId: student }), { id, status }]),
  );
}
