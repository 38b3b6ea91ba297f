import type { RequiredEntityData } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { deleteWhere, insertMany, updateWhere } from 'mikro-orm-counters';
import { Enrollment, EnrollmentStatus, type Key } from '../../entities/index.js';
import { lockCourses, lockUsers, type LockedCourse } from '../../use-cases/locked-rows.js';
import { courseFull, freeSeats } from '../../use-cases/seats.js';
import type { BadRow } from './bad-row.js';
import { enrollmentsThere, type EnrollmentThere } from '../enrollments-there.js';
import type { ImportWork } from './run-import.js';
import type { Placed } from './placed.js';
import { decisionOn, type PairState, type Placement } from './placement.js';

/** Remembers what a rehearsal has placed, because its batches do not see each other's rows. */
interface Rehearsed {
  /**
   * The courses whose pairs are remembered: those that have a capacity, because in others no row can be rejected because of
   * another; or all, to say exactly what would be added.
   */
  readonly courses: 'decisive' | 'all';
  readonly pairs: Map<string, PairState>;
  readonly seats: Map<Key, number>;
}

/** Returns what a rehearsal begins with. */
function emptyRehearsal(courses: Rehearsed['courses']): Rehearsed {
  return { courses, pairs: new Map(), seats: new Map() };
}

/**
 * Adds, changes and removes enrollments as a batch says, as far as there is a seat, in an open transaction.
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
  const there = await enrollmentsThere(em, known);
  const states = new Map<string, PairState>([...there].map(([pair, { status }]) => [pair, status]));
  const free = new Map(
    [...courses.values()].map(course => [course.id, freeSeats(course) - (rehearsed?.seats.get(course.id) ?? 0)]),
  );
  const before = new Map(free);
  for (const [pair, state] of rehearsed?.pairs ?? []) states.set(pair, state);
  const { last, full, ...counts } = decisionOn(known, states, free);
  if (rehearsed) remember(rehearsed, last, states, courses, before, free);
  else await write(em, last, states, there);
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
  return { ...counts, bad };
}

/** Writes the last state of each pair: first what frees seats, so that no course is above its capacity in between. */
async function write(
  em: SqlEntityManager,
  last: ReadonlyMap<string, Placement>,
  states: ReadonlyMap<string, PairState>,
  there: ReadonlyMap<string, EnrollmentThere>,
): Promise<void> {
  const removed: Key[] = [];
  const changed = new Map<EnrollmentStatus, Key[]>();
  const added: RequiredEntityData<Enrollment>[] = [];
  for (const [pair, { courseId, studentId, enrolledAt }] of last) {
    const status = states.get(pair) ?? null;
    const before = there.get(pair);
    if (status === null) removed.push(...(before ? [before.id] : []));
    else if (!before) added.push({ course: courseId, student: studentId, status, enrolledAt });
    else if (before.status !== status) changed.set(status, [...(changed.get(status) ?? []), before.id]);
  }
  if (removed.length > 0) await deleteWhere(em, Enrollment, { id: { $in: removed } });
  const activeLast = [...changed].toSorted(
    ([a], [b]) => Number(a === EnrollmentStatus.ACTIVE) - Number(b === EnrollmentStatus.ACTIVE),
  );
  for (const [status, ids] of activeLast) await updateWhere(em, Enrollment, { id: { $in: ids } }, { status });
  await insertMany(em, Enrollment, added);
}

function remember(
  { courses: remembered, pairs, seats }: Rehearsed,
  last: ReadonlyMap<string, Placement>,
  states: ReadonlyMap<string, PairState>,
  courses: ReadonlyMap<Key, LockedCourse>,
  before: ReadonlyMap<Key, number>,
  after: ReadonlyMap<Key, number>,
): void {
  for (const [pair, { courseId }] of last) {
    if (remembered === 'all' || courses.get(courseId)?.capacity !== null) pairs.set(pair, states.get(pair) ?? null);
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
