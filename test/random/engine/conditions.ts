import fc from 'fast-check';
import { EnrollmentStatus } from '../../../src/entities/index.js';
import { choice, chosen, type Scene } from './act.js';
import { courseIds, type Row } from './rows.js';

/** Is a condition on enrollments, for people, for the ORM, and as the rows of the model that meet it. */
export interface Condition {
  readonly told: string;
  readonly where: { course?: number | { $in: number[] }; student?: number; status?: EnrollmentStatus };
  readonly rows: readonly Row[];
}

/** Is a condition before it is known which rows there are. */
export interface ChosenCondition {
  readonly of: 'course' | 'two courses' | 'student' | 'status' | 'all';
  readonly which: readonly [number, number];
}

/** Chooses a condition. */
export const anyCondition: fc.Arbitrary<ChosenCondition> = fc.record({
  of: fc.constantFrom('course', 'two courses', 'student', 'status', 'all'),
  which: fc.tuple(choice, choice),
});

/** Gives the condition that a choice means; undefined: there are no such rows to name. */
export function conditionOf({ world }: Scene, { of, which: [first, second] }: ChosenCondition): Condition | undefined {
  const { rows, story } = world;
  const condition = (told: string, where: Condition['where'], meets: (row: Row) => boolean): Condition => ({
    told,
    where,
    rows: rows.enrollments.filter(meets),
  });
  const [course, other] = [chosen(courseIds(rows), first), chosen(courseIds(rows), second)];
  const [student, status] = [chosen([...rows.students], first), chosen(Object.values(EnrollmentStatus), first)!];
  if (of === 'all') return condition('enrollments', {}, () => true);
  if (of === 'status') return condition(`that are ${status}`, { status }, row => row.status === status);
  if (of === 'student')
    return student === undefined
      ? undefined
      : condition(`of ${story.name('student', student)}`, { student }, row => row.student === student);
  if (course === undefined || other === undefined) return undefined;
  if (of === 'course') return condition(`in ${story.name('course', course)}`, { course }, row => row.course === course);
  const courses = [course, other];
  return condition(
    `in ${courses.map(id => story.name('course', id)).join(' or ')}`,
    { course: { $in: courses } },
    row => courses.includes(row.course as number),
  );
}

/** Is a student to be put into a course. */
export interface Pair {
  readonly student: number;
  readonly course: number;
}

/** Gives the pairs of student and course that choices mean; with ghosts, of courses that are gone as well. */
export function pairsOf(
  { world }: Scene,
  pairs: readonly { student: number; course: number }[],
  ghost: boolean,
): Pair[] {
  const courses = ghost ? [...world.everCourses] : courseIds(world.rows);
  return pairs.flatMap(pair => {
    const [student, course] = [chosen([...world.rows.students], pair.student), chosen(courses, pair.course)];
    return student === undefined || course === undefined ? [] : [{ student, course }];
  });
}
