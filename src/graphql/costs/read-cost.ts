/**
 * The cost of an operation by the rows that the database reads for it, whatever its answer: a search that finds nothing
 * reads every course. query-cost.ts prices the values of the answer; both count points of about 5 microseconds.
 *
 * Each field with a resolver of its own has a price here, and a test fails if one is missing. A price covers the field
 * at all its parents together, because only some courses are large: a hundred courses have a tenth of the enrollments
 * that a hundred times the largest would have.
 */
import { EnrollmentStatus, Role } from '../../entities/index.js';
import { rowsOfLargest, type TableSizes } from '../../reading/index.js';
import type { Viewer } from '../../access/viewer.js';
import { isConnection, type PlacedField } from './placed-fields.js';
import { messagesOf, pageSizeOf, timesInAnswer } from './query-cost.js';
import type { CourseFilterInput, EnrollmentFilterInput } from '../inputs/filters.js';

/**
 * The points of a row that is counted in an index: 0.15 µs on MySQL and MariaDB, and a tenth to a half of that on
 * SQLite.
 */
const COUNTED_ROW_POINTS = 0.03;
/** The points of a course that is compared with a filter: 0.75 µs, with a title on SQLite. */
const COMPARED_COURSE_POINTS = 0.15;
/**
 * The points of an enrollment that is found by an index but read from its row: 7.5 µs on MySQL and MariaDB, 0.3 µs on
 * SQLite.
 */
const FETCHED_ENROLLMENT_POINTS = 1.5;
/** The points of a row that is deleted, with its places in nine indexes: 10 µs on SQLite, up to 30 µs on MySQL. */
const DELETED_ROW_POINTS = 2;
/** The points of a student that enrollMany enrolls: 50 µs. */
const ENROLLED_STUDENT_POINTS = 10;
/**
 * The highest price of one field that may take long: the default of MAX_COST allows one of them, and no second.
 */
const MAX_LONG_FIELD_POINTS = 30_000;
/**
 * The points of one of the lists, by course and status, from which a page is merged: 0.25 ms on MySQL, less on the
 * others.
 */
const STRAND_POINTS = 50;
/**
 * The part of a list's price that each row of a page already pays by the price of its values: 20 rows pay for one
 * list.
 */
const POINTS_PAID_BY_ROW = 2.5;
/**
 * The points of the first row of such a list, which selects the courses of a teacher that a page needs: 20 µs on MySQL,
 * up to 36 µs on MariaDB, 5 µs on SQLite.
 */
const STRAND_HEAD_POINTS = 8;
/** The assumed number of enrollments of one student. */
const ENROLLMENTS_OF_STUDENT = 50;

/** The viewer, and the sizes of the tables. */
export interface Reading {
  readonly viewer: Viewer | null;
  readonly sizes: TableSizes;
}

/** A field at all places that have the same parents. */
export interface FieldPlace extends Reading {
  readonly args: Readonly<Record<string, unknown>>;
  /** How many parents there are: at most before the operation runs, and afterwards in its answer. */
  readonly parents: number;
  /** How many rows a page has of each parent, at most or in the answer. */
  readonly rows: number;
  /** Whether `totalCount` is selected. */
  readonly counts: boolean;
}

/** The price of what a field reads. */
export interface ReadPrice {
  /** Returns the points for all its parents together. */
  readonly points: (place: FieldPlace) => number;
  /** Returns how many objects it returns for each parent, if its arguments have a size of their own. */
  readonly times?: (args: FieldPlace['args']) => number;
  /** The advice on how to request less. */
  readonly advice: string;
}

/**
 * The price of a field that reads nothing, or rows by their keys: each of these is a value of the answer and has its
 * price there.
 */
const byKey: ReadPrice = { points: () => 0, advice: 'Ask for less at once.' };
const SMALLER_PAGES = 'Ask for smaller pages by "first", or for less at once.';

/** The price of each field that has a resolver of its own, by type and name. */
export const readPrices: Readonly<Record<string, ReadPrice>> = {
  'Query.course': byKey,
  'Query.courses': {
    points: ({ args, counts, sizes }) => {
      const filter = args['filter'] as CourseFilterInput | null | undefined;
      const some = filter?.ids == null ? sizes.courses : Math.min(filter.ids.length, sizes.courses);
      const { status, isPublished: _, ...compared } = filter ?? {};
      // One page is always allowed, whatever the number of courses; a second beside it is not.
      return Math.min(
        ((isEmptyFilter(compared) ? 0 : some) + (counts ? some : 0)) * COMPARED_COURSE_POINTS +
          // Those that are published and those that are not.
          2 * (status?.length ?? 0) * STRAND_POINTS,
        MAX_LONG_FIELD_POINTS,
      );
    },
    advice:
      'A filter by other than "status" and "isPublished" compares every course, and so does "totalCount": ask for them once, leave "totalCount" out of further pages, or name "ids".',
  },
  'Query.me': byKey,
  'Query.enrollment': byKey,
  'Query.enrollments': {
    points: ({ args, rows, counts, viewer, sizes }) => enrollmentPoints(pricedList(args, rows), viewer, sizes, counts),
    advice: 'Name "courseId" or "studentId" in the filter, or leave "totalCount" out.',
  },
  'Query.recountRun': byKey,
  'Query.recountRuns': {
    points: ({ counts, sizes }) => (counts ? sizes.runs * COUNTED_ROW_POINTS : 0),
    advice: 'Leave "totalCount" out.',
  },
  'Course.instructor': byKey,
  'Course.enrollmentsCount': {
    points: ({ args, parents, sizes }) =>
      rowsOfLargest(sizes, parents, args['limit'] == null ? undefined : Number(args['limit']) + 1) * COUNTED_ROW_POINTS,
    advice:
      'Give a smaller "limit", ask for fewer courses, or take "totalEnrollments" or "activeEnrollments", which are stored.',
  },
  'Course.enrollmentsByStatus': {
    points: ({ parents, sizes }) => rowsOfLargest(sizes, parents) * COUNTED_ROW_POINTS,
    advice: 'Ask for fewer courses, or take "totalEnrollments" or "activeEnrollments", which are stored.',
  },
  'Course.enrollments': {
    points: ({ args, rows, parents, counts, viewer, sizes }) => {
      const list = pricedList(args, rows);
      if (viewer?.role === Role.STUDENT || list.filter.studentId != null) return parents * FETCHED_ENROLLMENT_POINTS;
      const points = coursePoints(list, parents, sizes, counts);
      return parents > 1 ? points : Math.min(points, MAX_LONG_FIELD_POINTS);
    },
    advice: 'Ask for fewer courses, order by ID, or filter by one status only.',
  },
  'Course.viewerEnrollment': byKey,
  'User.email': byKey,
  'User.enrollments': {
    points: ({ args, parents, counts, sizes }) => {
      const some = Math.min(parents * ENROLLMENTS_OF_STUDENT, sizes.enrollments);
      return (
        (isEmptyFilter(args['filter'] as EnrollmentFilterInput | null | undefined)
          ? 0
          : some * FETCHED_ENROLLMENT_POINTS) + (counts ? some * COUNTED_ROW_POINTS : 0)
      );
    },
    advice: SMALLER_PAGES,
  },
  'Enrollment.student': byKey,
  'Enrollment.course': byKey,
  'RecountRun.undoneRun': byKey,
  'RecountRun.changes': {
    points: ({ counts, sizes }) => (counts ? sizes.changes * COUNTED_ROW_POINTS : 0),
    advice: 'Leave "totalCount" out.',
  },
  'RecountChange.course': byKey,
  'Drift.course': byKey,
  // The parent field, which has the arguments, pays for what a connection reads.
  ...Object.fromEntries(
    ['CourseConnection', 'EnrollmentConnection', 'RecountRunConnection', 'RecountChangeConnection'].flatMap(type =>
      ['nodes', 'edges', 'pageInfo', 'totalCount'].map(name => [`${type}.${name}`, byKey]),
    ),
  ),
  'Mutation.createCourse': byKey,
  'Mutation.updateCourse': byKey,
  'Mutation.deleteCourse': {
    points: ({ sizes }) => Math.min(rowsOfLargest(sizes, 1) * DELETED_ROW_POINTS, MAX_LONG_FIELD_POINTS),
    advice: 'Delete one course at once.',
  },
  'Mutation.enroll': byKey,
  'Mutation.enrollMany': {
    points: ({ args }) => studentsOf(args) * ENROLLED_STUDENT_POINTS,
    times: studentsOf,
    advice: 'Name fewer students at once.',
  },
  'Mutation.setEnrollmentStatus': byKey,
  'Mutation.transferEnrollment': byKey,
  'Mutation.unenroll': byKey,
  'Mutation.createUser': byKey,
  'Mutation.deleteUser': {
    points: ({ sizes }) => Math.min(ENROLLMENTS_OF_STUDENT, sizes.enrollments) * DELETED_ROW_POINTS,
    advice: 'Delete fewer users at once.',
  },
  'Mutation.verifyEnrollmentCounts': { points: inScope, advice: 'Verify once, or name fewer courses.' },
  'Mutation.recountEnrollments': { points: inScope, advice: 'Recount once, or name fewer courses.' },
  'Mutation.pauseRecount': byKey,
  'Mutation.resumeRecount': { points: inScope, advice: 'Resume one run at once.' },
  'Mutation.cancelRecount': byKey,
  'Mutation.undoRecount': { points: inScope, advice: 'Undo one run at once.' },
  'Subscription.courseCountsChanged': { ...byKey, times: messagesOf },
};

/** The points of what an operation reads, and the field that reads most. */
export interface ReadCost {
  readonly points: number;
  readonly dearest: { readonly field: string; readonly points: number; readonly advice: string } | null;
}

/** Returns the most that an operation can read, in points, of each field at each of its places. */
export function readCostOf(fields: readonly PlacedField[], reading: Reading): ReadCost {
  const spent = new Map<string, number>();
  const walk = (placed: readonly PlacedField[], parents: number): void => {
    for (const one of placed) {
      const { key, type, field, args, inner } = one;
      const points = readPointsOf(one, { ...reading, parents, rows: pageSizeOf(args) });
      if (points > 0) spent.set(key, (spent.get(key) ?? 0) + points);
      if (inner.length > 0)
        walk(inner, parents * (readPrices[key]?.times ?? (() => timesInAnswer(type.name, field, args)))(args));
    }
  };
  walk(fields, 1);
  const [most] = [...spent].toSorted(([, a], [, b]) => b - a);
  return {
    points: [...spent.values()].reduce((sum, points) => sum + points, 0),
    dearest: most ? { field: most[0], points: most[1], advice: readPrices[most[0]]!.advice } : null,
  };
}

/** Returns what a field reads, in points, for all its parents together. */
export function readPointsOf(
  { key, args, inner, field }: PlacedField,
  place: Omit<FieldPlace, 'args' | 'counts'>,
): number {
  const counts = isConnection(field) && inner.some(one => one.field.name === 'totalCount');
  return readPrices[key]?.points({ ...place, args, counts }) ?? 0;
}

/** A list of enrollments, by its arguments. */
interface List {
  readonly rows: number;
  readonly filter: EnrollmentFilterInput;
}

function pricedList(args: FieldPlace['args'], rows: number): List {
  return {
    rows,
    filter: (args['filter'] as EnrollmentFilterInput | null | undefined) ?? {},
  };
}

function enrollmentPoints(list: List, viewer: Viewer | null, sizes: TableSizes, counts: boolean): number {
  const { filter } = list;
  if (!viewer || viewer.role === Role.STUDENT || filter.studentId != null)
    return ENROLLMENTS_OF_STUDENT * FETCHED_ENROLLMENT_POINTS;
  // One page is always allowed, whatever the sizes of the tables; a second beside it is not.
  return Math.min(
    filter.courseId == null ? rootPoints(list, viewer, sizes, counts) : coursePoints(list, 1, sizes, counts),
    MAX_LONG_FIELD_POINTS,
  );
}

function coursePoints(list: List, parents: number, sizes: TableSizes, counts: boolean): number {
  const counted = counts && !isStored(list.filter.status) ? rowsOfLargest(sizes, parents) : 0;
  return (
    parents * Math.max(0, strandsIn(list) * STRAND_POINTS - list.rows * POINTS_PAID_BY_ROW) +
    counted * COUNTED_ROW_POINTS
  );
}

function rootPoints(list: List, { role }: Viewer, sizes: TableSizes, counts: boolean): number {
  const {
    filter: { status },
  } = list;
  const { courses, enrollments } = role === Role.ADMIN ? sizes : sizes.mostTaught;
  const counted = counts ? courses + (isStored(status) ? 0 : enrollments) : 0;
  if (role === Role.ADMIN) return strandsIn(list) * STRAND_POINTS + counted * COUNTED_ROW_POINTS;
  // To find the first row after a cursor, MySQL and MariaDB read those before it in the small courses.
  return courses * strandsIn(list) * STRAND_HEAD_POINTS + (enrollments + counted) * COUNTED_ROW_POINTS;
}

/**
 * Returns from how many lists a page is merged, for each course or for all: one for each status, unless an index has
 * all of them in order.
 */
function strandsIn({ filter: { status } }: List): number {
  const all = Object.values(EnrollmentStatus).length;
  const asked = status == null ? all : new Set(status).size;
  return asked === all ? 1 : asked;
}

/** Returns true if the courses' stored counts add up to the enrollments of these statuses. */
function isStored(status: readonly EnrollmentStatus[] | null | undefined): boolean {
  const others = new Set(status ?? []);
  others.delete(EnrollmentStatus.ACTIVE);
  return others.size === 0 || others.size === Object.values(EnrollmentStatus).length - 1;
}

function isEmptyFilter(filter: object | null | undefined): boolean {
  return Object.values(filter ?? {}).every(value => value == null);
}

function studentsOf(args: FieldPlace['args']): number {
  return (args['input'] as { studentIds: readonly string[] }).studentIds.length;
}

function inScope({ args, sizes }: FieldPlace): number {
  const named =
    (args['input'] as { courseIds?: readonly string[] | null } | null | undefined)?.courseIds?.length ?? sizes.courses;
  return Math.min(rowsOfLargest(sizes, named) * COUNTED_ROW_POINTS, MAX_LONG_FIELD_POINTS);
}
