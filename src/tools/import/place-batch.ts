import { Utils } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { insertMany } from 'mikro-orm-counters';
import { Enrollment } from '../../entities/index.js';
import { lockCourses, lockUsers, type LockedCourse } from '../../use-cases/locked-rows.js';
import { courseFull, freeSeats } from '../../use-cases/seats.js';
import type { BadRow } from './bad-row.js';
import type { ImportWork } from './run-import.js';
import type { Placed } from './placed.js';
import { decisionOn, pairOf, type Placement } from './placement.js';

/** Remembers what a rehearsal has placed, for its batches do not see each other's rows. */
interface Rehearsed {
  /**
   * The courses whose pairs are remembered: those that have a capacity, for in others no row can be rejected because of
   * another; or all, to say exactly what would be added.
   */
  readonly courses: 'decisive' | 'all';
  readonly pairs: Set<string>;
  readonly seats: Map<number, number>;
}

/** Returns what a rehearsal begins with. */
function emptyRehearsal(courses: Rehearsed['courses']): Rehearsed {
  return { courses, pairs: new Set(), seats: new Map() };
}

/**
 * Adds those enrollments of a batch that are not there yet and for which there is a seat, in an open transaction.
 *
 * The locks come first, so that neither pairs nor seats can change between the decision and the insert, and no course
 * or student can go. With `rehearsed` nothing is written.
 */
async function placeBatch(
  em: SqlEntityManager,
  placements: readonly Placement[],
  rehearsed?: Rehearsed,
): Promise<Placed> {
  const courses = await lockCourses(em, [...new Set(placements.map(({ courseId }) => courseId))]);
  const students = await lockUsers(
    em,
    placements.map(({ studentId }) => studentId),
  );
  const known = placements.filter(({ courseId, studentId }) => courses.has(courseId) && students.has(studentId));
  const taken = await pairsThere(em, known);
  const free = new Map(
    [...courses.values()].map(course => [course.id, freeSeats(course) - (rehearsed?.seats.get(course.id) ?? 0)]),
  );
  const before = new Map(free);
  for (const pair of rehearsed?.pairs ?? []) taken.add(pair);
  const { add, alreadyThere, full } = decisionOn(known, taken, free);
  if (rehearsed) remember(rehearsed, add, courses, before, free);
  else
    await insertMany(
      em,
      Enrollment,
      add.map(({ courseId, studentId, status, enrolledAt }) => ({
        course: courseId,
        student: studentId,
        status,
        enrolledAt,
      })),
    );
  const bad: BadRow[] = [
    ...placements.flatMap(({ file, line, courseId, studentId }): BadRow[] => {
      if (!courses.has(courseId))
        return [{ file, line, code: 'UNKNOWN_COURSE', message: `Course ${courseId} has just been deleted.` }];
      return students.has(studentId)
        ? []
        : [{ file, line, code: 'UNKNOWN_STUDENT', message: `User ${studentId} has just been deleted.` }];
    }),
    ...full.map(({ file, line, courseId }) => ({
      file,
      line,
      code: 'COURSE_FULL' as const,
      message: courseFull(courses.get(courseId)!, []).message,
    })),
  ];
  return { added: add.length, alreadyThere, bad };
}

async function pairsThere(em: SqlEntityManager, placements: readonly Placement[]): Promise<Set<string>> {
  if (placements.length === 0) return new Set();
  // MikroORM's way to compare several columns as one value: two lists would make the database try every combination.
  const pair = Utils.getPrimaryKeyHash(['course', 'student']);
  const rows = (await em
    .createQueryBuilder(Enrollment, 'e')
    .select(['course', 'student'])
    .where({ [pair]: { $in: placements.map(({ courseId, studentId }) => [courseId, studentId]) } })
    .execute('all')) as unknown as { course: number; student: number }[];
  return new Set(rows.map(({ course, student }) => pairOf({ courseId: course, studentId: student })));
}

function remember(
  { courses: remembered, pairs, seats }: Rehearsed,
  added: readonly Placement[],
  courses: ReadonlyMap<number, LockedCourse>,
  before: ReadonlyMap<number, number>,
  after: ReadonlyMap<number, number>,
): void {
  for (const placement of added) {
    if (remembered === 'all' || courses.get(placement.courseId)?.capacity !== null) pairs.add(pairOf(placement));
  }
  for (const { id, capacity } of courses.values()) {
    if (capacity !== null) seats.set(id, (seats.get(id) ?? 0) + before.get(id)! - after.get(id)!);
  }
}

/** Returns how an import whose rows are enrollments writes them, once `resolve` has found their courses and students. */
export function placing<Row>(
  resolve: (
    em: SqlEntityManager,
    rows: readonly Row[],
    rehearsal: boolean,
  ) => Promise<{ placements: readonly Placement[]; bad: readonly BadRow[] }>,
): Pick<ImportWork<Row>, 'write' | 'rehearsal'> {
  const place = async (em: SqlEntityManager, rows: readonly Row[], rehearsed?: Rehearsed): Promise<Placed> => {
    const { placements, bad } = await resolve(em, rows, rehearsed !== undefined);
    const placed = await placeBatch(em, placements, rehearsed);
    return { ...placed, bad: [...bad, ...placed.bad] };
  };
  return {
    write: (em, rows) => place(em, rows),
    rehearsal(remembered) {
      const rehearsed = emptyRehearsal(remembered);
      return (em, rows) => place(em, rows, rehearsed);
    },
  };
}
