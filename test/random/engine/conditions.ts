import fc from 'fast-check';
import { EnrollmentStatus } from '../../../src/entities/index.js';
import { anyIndex, pick, type ActionContext } from './action.js';
import { courseIds, type Row } from './rows.js';

/** A condition on enrollments: as a text, for the ORM, and as the rows of the model that meet it. */
export interface Condition {
  readonly text: string;
  readonly where: { course?: number | { $in: number[] }; student?: number; status?: EnrollmentStatus };
  readonly rows: readonly Row[];
}

/** A condition before the existing rows are known. */
export interface ChosenCondition {
  readonly of: 'course' | 'two courses' | 'student' | 'status' | 'all';
  readonly which: readonly [number, number];
}

/** Any condition. */
export const anyCondition: fc.Arbitrary<ChosenCondition> = fc.record({
  of: fc.constantFrom('course', 'two courses', 'student', 'status', 'all'),
  which: fc.tuple(anyIndex, anyIndex),
});

/** Returns the condition of a choice; undefined: no such rows exist. */
export function conditionOf(
  { run }: ActionContext,
  { of, which: [first, second] }: ChosenCondition,
): Condition | undefined {
  const { rows, log } = run;
  const condition = (text: string, where: Condition['where'], meets: (row: Row) => boolean): Condition => ({
    text,
    where,
    rows: rows.enrollments.filter(meets),
  });
  const [course, other] = [pick(courseIds(rows), first), pick(courseIds(rows), second)];
  const [student, status] = [pick([...rows.students], first), pick(Object.values(EnrollmentStatus), first)!];
  if (of === 'all') return condition('enrollments', {}, () => true);
  if (of === 'status') return condition(`that are ${status}`, { status }, row => row.status === status);
  if (of === 'student')
    return student === undefined
      ? undefined
      : condition(`of ${log.name('student', student)}`, { student }, row => row.student === student);
  if (course === undefined || other === undefined) return undefined;
  if (of === 'course') return condition(`in ${log.name('course', course)}`, { course }, row => row.course === course);
  const courses = [course, other];
  return condition(`in ${courses.map(id => log.name('course', id)).join(' or ')}`, { course: { $in: courses } }, row =>
    courses.includes(row.course as number),
  );
}

/** A student to enroll in a course. */
export interface Pair {
  readonly student: number;
  readonly course: number;
}

/** Returns the pairs of student and course of some choices; with ghosts, deleted courses are included. */
export function pairsOf(
  { run }: ActionContext,
  pairs: readonly { student: number; course: number }[],
  ghost: boolean,
): Pair[] {
  const courses = ghost ? [...run.everCourses] : courseIds(run.rows);
  return pairs.flatMap(pair => {
    const [student, course] = [pick([...run.rows.students], pair.student), pick(courses, pair.course)];
    return student === undefined || course === undefined ? [] : [{ student, course }];
  });
}
