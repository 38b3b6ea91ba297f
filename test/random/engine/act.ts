import fc from 'fast-check';
import { helper } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { Course, Enrollment, EnrollmentStatus } from '../../../src/entities/index.js';
import { courseId, courseIds, rowWith } from './rows.js';
import type { Level, World } from './world.js';

/** Is where an act is performed: by whom, through which entity manager. */
export interface Scene {
  readonly world: World;
  readonly who: string;
  readonly em: SqlEntityManager;
  readonly level: Level;
}

/** Is something that a writer can do. */
export interface Act {
  /** Names it for the tally. */
  readonly name: string;
  /** Says what it needs: only the writer's memory, the database, or that no transaction is open. */
  readonly needs: 'memory' | 'database' | 'idle';
  perform(scene: Scene): Promise<void>;
}

/** Chooses from lists whose length is known only when the story is told. */
export const choice = fc.nat({ max: 11 });

/** Chooses a status. */
export const anyStatus = fc.constantFrom(
  EnrollmentStatus.ACTIVE,
  EnrollmentStatus.DROPPED,
  EnrollmentStatus.COMPLETED,
  EnrollmentStatus.SUSPENDED,
);

/** Is true now and then. */
export const seldom = fc.nat({ max: 9 }).map(number => number === 9);

/** Gives the value that a choice means in a list; undefined: the list is empty. */
export function chosen<Value>(values: readonly Value[], number: number): Value | undefined {
  return values[number % values.length];
}

/** Performs an act; one for which the story has no rows yet does nothing, and is no operation. */
export async function perform(act: Act, scene: Scene): Promise<void> {
  const { story, count } = scene.world;
  const before = story.lines.length;
  await act.perform(scene);
  if (story.lines.length > before) count(act.name);
}

/** Gives the enrollments that an entity manager holds, loaded, stale or new, without those that it is to remove. */
export function heldEnrollments(em: SqlEntityManager): Enrollment[] {
  const unitOfWork = em.getUnitOfWork(false);
  const held = [...unitOfWork.getIdentityMap(), ...unitOfWork.getPersistStack()].filter(
    entity => entity instanceof Enrollment,
  );
  return [...new Set(held)]
    .filter(entity => !unitOfWork.getRemoveStack().has(entity))
    .sort((a, b) => (a.id ?? Infinity) - (b.id ?? Infinity));
}

/** Gives the courses that an entity manager has loaded. */
export function loadedCourses(em: SqlEntityManager): Course[] {
  const courses = [...em.getUnitOfWork(false).getIdentityMap()].filter(entity => entity instanceof Course);
  return courses
    .filter(course => course.id !== undefined && helper(course).isInitialized())
    .sort((a, b) => a.id - b.id);
}

/**
 * Gives the courses to point at: those that are there, the writer's own that are not inserted yet, and once in a while
 * a deleted one.
 */
export function courseChoices({ world, em }: Scene, ghost: boolean): (number | Course)[] {
  const fresh = [...em.getUnitOfWork(false).getPersistStack()].filter(
    entity => entity instanceof Course && entity.id === undefined,
  ) as Course[];
  const there = courseIds(world.rows);
  return [...(ghost ? [...world.everCourses].filter(id => !there.includes(id)) : []), ...there, ...fresh];
}

/** Gives the students to name: those that are there, and once in a while only deleted ones. */
export function studentChoices({ world }: Scene, ghost: boolean): number[] {
  const there = [...world.rows.students];
  const gone = [...world.everStudents].filter(id => !world.rows.students.has(id));
  return ghost && gone.length > 0 ? gone : there;
}

/** Tells whether others have moved or removed an enrollment since it was loaded. */
export function isStale({ rows }: World, enrollment: Enrollment): boolean {
  if (enrollment.id === undefined) return false;
  return rowWith(rows, enrollment.id)?.course !== seenCourse(enrollment);
}

/** Names an enrollment, and what its writer does not know of it. */
export function called({ story, rows }: World, enrollment: Enrollment): string {
  const { id } = enrollment;
  // MikroORM takes the relations out of an entity that a fork has removed, and inserts it again without them.
  if (id === undefined)
    return `the new enrollment of ${story.name('student', (enrollment as Partial<Enrollment>).student?.id)}`;
  const seen = seenCourse(enrollment);
  const row = rowWith(rows, id);
  const name = story.name('enrollment', id);
  if (!row) return `${name} (which is gone)`;
  if (seen === undefined) return `${name} (whose course is not loaded)`;
  return seen === row.course
    ? name
    : `${name} (seen in ${story.name('course', seen)}, now in ${story.name('course', courseId(row.course))})`;
}

function seenCourse(enrollment: Enrollment): number | undefined {
  return (helper(enrollment).__originalEntityData as { course?: number } | undefined)?.course;
}
