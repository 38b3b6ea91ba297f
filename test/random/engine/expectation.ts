import type { EnrollmentStatus } from '../../../src/entities/index.js';
import { courseId, hasCourse, rowWith, sameCourse, type CoursePointer, type Row, type Rows } from './rows.js';
import { numberKey } from '../../support/keys.js';

/** What a write requests for one row. */
interface Update {
  readonly id: number;
  readonly course?: CoursePointer;
  readonly student?: number;
  readonly status?: EnrollmentStatus;
  /** Whether it would leave the row without course or student, which MikroORM has forgotten. */
  readonly empties?: boolean;
}

/** What a write requests. */
export interface Changes {
  readonly creates: readonly (Row & Pick<Update, 'empties'>)[];
  readonly updates: readonly Update[];
  readonly deletes: readonly number[];
  /** Rows that are deleted before any other is inserted. */
  readonly earlyDeletes: readonly number[];
  readonly newCourses: readonly CoursePointer[];
  readonly deletedCourses: readonly number[];
}

/** The expected outcome of a write. */
export interface Expectation {
  /** The model after the write, where it is done. */
  readonly after: Rows;
  /** The codes with which the write can be rejected; then it has no effect. */
  readonly rejections: readonly string[];
  /** Whether the write must be rejected; otherwise it may be, depending on the order of its statements. */
  readonly certain: boolean;
}

/** No changes, to be combined with others. */
export const noChanges: Changes = {
  creates: [],
  updates: [],
  deletes: [],
  earlyDeletes: [],
  newCourses: [],
  deletedCourses: [],
};

/**
 * Returns the outcome of changes by the keys of the database alone, as the rows are now, whatever their writer
 * believes.
 */
export function byKeys(rows: Rows, changes: Changes): Expectation {
  // MikroORM looks at new rows before it writes one of them.
  if (changes.creates.some(({ empties }) => empties)) return rejection(rows, 'REQUIRED', 'UNIQUE', 'FOREIGN_KEY');
  const after = changed(rows, changes);
  const orphaned = after.enrollments.some(row => !hasCourse(after, row.course) || !after.students.has(row.student));
  const twice = hasTwins(after.enrollments, isSameSeat) || takesIds(rows, changes);
  // One statement may take a seat before another statement of the same write has freed it.
  const mayCollide = takenSeats(rows, changes).some(({ row, taker }) => row.id !== taker.id);
  const emptied = changes.updates.some(({ id, empties }) => empties && rowWith(rows, id));
  const rejections = [
    ...(orphaned ? ['FOREIGN_KEY'] : []),
    ...(twice || mayCollide ? ['UNIQUE'] : []),
    ...(emptied ? ['NOT_NULL'] : []),
  ];
  return { after, rejections, certain: orphaned || twice || emptied };
}

/**
 * Returns the rows after a write whose new rows may have got the keys of deleted ones: the changes to those have hit
 * the new rows.
 */
export function withReusedKeys(rows: Rows, { creates, updates, deletes }: Changes): Rows {
  const given = creates.flatMap(({ entity }) => numberKey(entity?.id) ?? []);
  return changed(rows, {
    ...noChanges,
    updates: updates.filter(({ id }) => given.includes(id)),
    deletes: deletes.filter(id => given.includes(id)),
  });
}

/** Returns the expectation that a write is rejected with one of these codes. */
export function rejection(rows: Rows, ...codes: readonly string[]): Expectation {
  return { after: rows, rejections: codes, certain: true };
}

function changed(rows: Rows, { creates, updates, deletes, earlyDeletes, newCourses, deletedCourses }: Changes): Rows {
  const enrollments = rows.enrollments.filter(({ id }) => id === null || ![...deletes, ...earlyDeletes].includes(id));
  return {
    courses: new Set([...rows.courses, ...newCourses].filter(course => !deletedCourses.includes(course as number))),
    students: rows.students,
    // Of two entities for one row the first wins: MikroORM writes them in one UPDATE, with a CASE for each column.
    enrollments: [
      ...enrollments.map(row =>
        updates
          .filter(({ id }) => id === row.id)
          .reduceRight<Row>((changed, update) => ({ ...changed, ...update }), row),
      ),
      ...creates,
    ],
  };
}

/** Returns whether a new row has the id of another: its entity was inserted before, and that was rolled back. */
function takesIds(rows: Rows, { creates, newCourses }: Changes): boolean {
  const ids = creates.flatMap(({ entity }) => numberKey(entity?.id) ?? []);
  return (
    ids.some(id => rowWith(rows, id)) ||
    newCourses.some(course => courseId(course) !== undefined && hasCourse(rows, course))
  );
}

/** Returns the rows whose course and student another row is about to have. */
function takenSeats(rows: Rows, { creates, updates }: Changes): { row: Row; taker: Row }[] {
  const moved = updates.flatMap(update => {
    const row = rowWith(rows, update.id);
    const taker = row && { ...row, ...update };
    return taker && !isSameSeat(row, taker) ? [taker] : [];
  });
  return [...creates, ...moved].flatMap(taker =>
    rows.enrollments.filter(row => isSameSeat(row, taker)).map(row => ({ row, taker })),
  );
}

/** Returns true for a list that has two of the same. */
export function hasTwins<Value>(values: readonly Value[], same: (a: Value, b: Value) => boolean): boolean {
  return values.some((value, index) => values.slice(index + 1).some(other => same(value, other)));
}

/** Returns true for enrollments of one student in one course. */
export function isSameSeat(a: Row, b: Row): boolean {
  return a.student === b.student && sameCourse(a.course, b.course);
}
