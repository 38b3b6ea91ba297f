import type { SelectQueryBuilder } from 'kysely';
import type { Database } from '../database/database.js';
import type { EnrollmentStatus, Key } from '../entities/index.js';
import { listLength, listOf, rowsOfShape } from '../database/known-statements.js';
import { builderFor, rows, unionOf } from '../database/query.js';
import { numberOf, type StoredAggregate, type Tables } from '../database/tables.js';
import { rowsBy } from './merged-page.js';

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

/**
 * The most rows that are copied into a temporary table in order to stop at a limit. For each row that takes several
 * times as long as counting alone.
 */
const MAX_COPIED_ROWS = 10_000;

/**
 * Counts the enrollments of many courses live, in the order of the ids; up to a limit of 10,000, and without one, in one
 * statement.
 */
export async function computedCounts(
  database: Database,
  courseIds: readonly Key[],
  { status, limit }: CountRequest,
): Promise<ComputedCount[]> {
  if (status?.length === 0) return courseIds.map(() => ({ count: 0, exact: true }));
  const counts =
    limit === null
      ? await countsOfAll(database, courseIds, status)
      : limit > MAX_COPIED_ROWS
        ? await countsByProbe(database, courseIds, status, limit)
        : await countsByCopy(database, courseIds, status, limit);
  return courseIds.map(id => upTo(counts.get(id) ?? 0, limit));
}

/** The counts of the courses of a page that are computed by the page's own statement, where they are small. */
export interface JoinedCounts {
  /** The limit of the request for them; null: none. */
  readonly limit: CountRequest['limit'];
  /** Receives each of them. */
  readonly take: (courseId: Key, count: ComputedCount) => void;
}

/**
 * The most enrollments of a course that a page's statement counts. A page reads one row more than it shows, and the count
 * of that row must cost little.
 */
const MAX_JOINED_COUNT = 1000;

/** The column of a joined count. */
const JOINED_COUNT = 'joined_count';

/** Returns what of joined counts determines the text of a statement. */
export function countShape(counts: JoinedCounts | undefined): string {
  return counts ? ` counting ${mostJoined(counts)}` : '';
}

/**
 * Returns a query of courses with the number of the enrollments of each. Where the stored count is large there is none;
 * a stored count that is wrong changes only which statement counts.
 */
export function withCounts<Row>(
  database: Database,
  query: SelectQueryBuilder<Tables, 'core_course', Row>,
  counts: JoinedCounts,
): SelectQueryBuilder<Tables, 'core_course', Row> {
  const counted = rowsBy(database, 'core_enrollments', ['course_id'])
    .whereRef('core_enrollments.course_id', '=', 'core_course.id' as never)
    .select(eb => eb.fn.countAll<number>().as('count'));
  return query.select(eb =>
    eb.case().when('core_course.total_enrollments', '<=', mostJoined(counts)).then(counted).end().as(JOINED_COUNT),
  ) as never;
}

/** Passes on the counts that were read with courses. */
export function takeCounts(courses: readonly { readonly id: Key }[], { limit, take }: JoinedCounts): void {
  for (const course of courses as readonly { readonly id: Key; readonly [JOINED_COUNT]?: StoredAggregate }[]) {
    const counted = course[JOINED_COUNT];
    if (counted != null) take(course.id, upTo(numberOf(counted), limit));
  }
}

function mostJoined({ limit }: JoinedCounts): number {
  return Math.min(limit ?? MAX_JOINED_COUNT, MAX_JOINED_COUNT);
}

/** Returns a count as far as its limit allows. */
function upTo(count: number, limit: CountRequest['limit']): ComputedCount {
  return limit !== null && count > limit ? { count: limit, exact: false } : { count, exact: true };
}

type CountsByCourse = ReadonlyMap<Key, number>;

/** Counts all enrollments of courses; a course without any is left out. */
async function countsOfAll(
  database: Database,
  courseIds: readonly Key[],
  status: CountRequest['status'],
): Promise<CountsByCourse> {
  const countsOf = (among: readonly Key[]) =>
    ofCourses(database, among, status)
      .groupBy('course_id')
      .select(eb => ['course_id', eb.fn.countAll<number>().as('count')]);
  const length = status ? null : listLength(courseIds.length);
  const found =
    length === null
      ? await rows(database, countsOf(courseIds))
      : await rowsOfShape(database, `counts ${length}`, courseIds, place =>
          countsOf(listOf(place, length, given => given)),
        );
  return new Map(found.map(row => [row.course_id, numberOf(row.count)]));
}

/** Counts the enrollments of courses up to one beyond a small limit, which shows that there are more. */
async function countsByCopy(
  database: Database,
  courseIds: readonly Key[],
  status: CountRequest['status'],
  limit: number,
): Promise<CountsByCourse> {
  const found = await rows(
    database,
    unionOf(
      courseIds.map((id, place) =>
        builderFor(database)
          .selectFrom(
            ofCourses(database, [id], status)
              .limit(limit + 1)
              .select('id')
              .as('some'),
          )
          .select(eb => [eb.lit(place).as('place'), eb.fn.countAll<number>().as('count')]),
      ),
    ),
  );
  return new Map(found.map(({ place, count }) => [courseIds[place]!, numberOf(count)]));
}

/**
 * Counts the enrollments of courses, or finds that there are more than a limit. Whether to ask for the row beyond the
 * limit depends on the stored counts, but the result does not, so it is correct also where a stored count is wrong.
 */
async function countsByProbe(
  database: Database,
  courseIds: readonly Key[],
  status: CountRequest['status'],
  limit: number,
): Promise<CountsByCourse> {
  const db = builderFor(database);
  const large = await rows(
    database,
    db
      .selectFrom('core_course')
      .where('id', 'in', [...courseIds])
      .where('total_enrollments', '>', limit)
      .select('id'),
  );
  const beyond = large.map(({ id }) =>
    db
      .selectFrom(ofCourses(database, [id], status).offset(limit).limit(1).select('course_id').as('beyond'))
      .selectAll(),
  );
  const over = new Map(
    beyond.length === 0 ? [] : (await rows(database, unionOf(beyond))).map(row => [row.course_id, limit + 1]),
  );
  const others = courseIds.filter(id => !over.has(id));
  return others.length === 0 ? over : new Map([...over, ...(await countsOfAll(database, others, status))]);
}

/** Returns a query of courses' enrollments by the smallest index that has them; the databases often take a larger one. */
function ofCourses(
  database: Database,
  courseIds: readonly Key[],
  status: CountRequest['status'],
): SelectQueryBuilder<Tables, 'core_enrollments', object> {
  const query = rowsBy(database, 'core_enrollments', status ? ['course_id', 'status'] : ['course_id']).where(
    'course_id',
    'in',
    [...courseIds],
  );
  return status ? query.where('status', 'in', [...status]) : query;
}

/**
 * Counts the enrollments of many courses live by status, in one statement, in the order of the ids; zeros are omitted.
 */
export async function computedCountsByStatus(
  database: Database,
  courseIds: readonly Key[],
): Promise<Map<EnrollmentStatus, number>[]> {
  const query = rowsBy(database, 'core_enrollments', ['course_id', 'status'])
    .where('course_id', 'in', [...courseIds])
    .groupBy(['course_id', 'status'])
    .select(eb => ['course_id', 'status', eb.fn.countAll<number>().as('count')]);
  const byCourse = Map.groupBy(await rows(database, query), row => row.course_id);
  return courseIds.map(id => new Map((byCourse.get(id) ?? []).map(row => [row.status, numberOf(row.count)])));
}
