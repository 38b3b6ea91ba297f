import type { Database } from '../database/database.js';
import type { EnrollmentStatus } from '../entities/index.js';
import { listLength, listOf, rowsOfShape } from '../database/known-statements.js';
import { builderFor, rows } from '../database/query.js';
import { numberOf } from '../database/tables.js';

/** A request for the number of a course's enrollments, of some statuses or all, up to a limit or without one. */
export interface CountRequest {
  readonly status: readonly EnrollmentStatus[] | null;
  readonly limit: number | null;
}

/** A computed count; not exact if counting stopped at the limit and there are more. */
export interface ComputedCount {
  readonly count: number;
  readonly exact: boolean;
}

/** Counts the enrollments of many courses live, in one statement, in the order of the ids. */
export async function computedCounts(
  database: Database,
  courseIds: readonly number[],
  { status, limit }: CountRequest,
): Promise<ComputedCount[]> {
  if (status?.length === 0) return courseIds.map(() => ({ count: 0, exact: true }));
  const db = builderFor(database);
  if (limit === null) {
    const groupedOf = (among: readonly number[]) => {
      const grouped = db
        .selectFrom('core_enrollments')
        .where('course_id', 'in', [...among])
        .groupBy('course_id')
        .select(eb => ['course_id', eb.fn.countAll<number>().as('count')]);
      return status ? grouped.where('status', 'in', [...status]) : grouped;
    };
    const length = status ? null : listLength(courseIds.length);
    const found =
      length === null
        ? await rows(database, groupedOf(courseIds))
        : await rowsOfShape(database, `counts ${length}`, courseIds, place =>
            groupedOf(listOf(place, length, given => given)),
          );
    const counts = new Map(found.map(row => [row.course_id, numberOf(row.count)]));
    return courseIds.map(id => ({ count: counts.get(id) ?? 0, exact: true }));
  }
  // One row beyond the limit shows that there are more.
  const one = (id: number) => {
    let some = db
      .selectFrom('core_enrollments')
      .where('course_id', '=', id)
      .limit(limit + 1);
    if (status) some = some.where('status', 'in', [...status]);
    return db
      .selectFrom(some.select('id').as('some'))
      .select(eb => [eb.lit(id).as('course_id'), eb.fn.countAll<number>().as('count')]);
  };
  const [first, ...rest] = courseIds.map(one);
  const found = await rows(
    database,
    rest.reduce((all, next) => all.unionAll(next), first!),
  );
  const counts = new Map(found.map(row => [row.course_id, numberOf(row.count)]));
  return courseIds.map(id => {
    const count = counts.get(id)!;
    return { count: Math.min(count, limit), exact: count <= limit };
  });
}

/**
 * Counts the enrollments of many courses live by status, in one statement, in the order of the ids; zeros are omitted.
 */
export async function computedCountsByStatus(
  database: Database,
  courseIds: readonly number[],
): Promise<Map<EnrollmentStatus, number>[]> {
  const query = builderFor(database)
    .selectFrom('core_enrollments')
    .where('course_id', 'in', [...courseIds])
    .groupBy(['course_id', 'status'])
    .select(eb => ['course_id', 'status', eb.fn.countAll<number>().as('count')]);
  const byCourse = Map.groupBy(await rows(database, query), row => row.course_id);
  return courseIds.map(id => new Map((byCourse.get(id) ?? []).map(row => [row.status, numberOf(row.count)])));
}
