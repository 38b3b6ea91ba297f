import fc from 'fast-check';
import { helper } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { Course, Enrollment, EnrollmentStatus } from '../../../src/entities/index.js';
import { courseId, courseIds, rowWith } from './rows.js';
import type { Level, ModelRun } from './model-run.js';
import { numberKey } from '../../support/keys.js';

/** The context of an action: its writer and the entity manager. */
export interface ActionContext {
  readonly run: ModelRun;
  readonly who: string;
  readonly em: SqlEntityManager;
  readonly level: Level;
}

/** An action of a writer. */
export interface Action {
  /** Its name in the tally. */
  readonly name: string;
  /** What it needs: only the writer's memory, the database, or that no transaction is open. */
  readonly needs: 'memory' | 'database' | 'idle';
  readonly perform: (context: ActionContext) => Promise<void>;
}

/** An index into a list whose length is known only when the command runs. */
export const anyIndex = fc.nat({ max: 11 });

/** Any status. */
export const anyStatus = fc.constantFrom(
  EnrollmentStatus.ACTIVE,
  EnrollmentStatus.DROPPED,
  EnrollmentStatus.COMPLETED,
  EnrollmentStatus.SUSPENDED,
);

/** True in a tenth of all cases. */
export const rarely = fc.nat({ max: 9 }).map(number => number === 9);

/** Returns the value of a list at an index, modulo its length; undefined: the list is empty. */
export function pick<Value>(values: readonly Value[], number: number): Value | undefined {
  return values[number % values.length];
}

/** Performs an action; one without rows to act on does nothing, and is not counted as an operation. */
export async function perform(action: Action, context: ActionContext): Promise<void> {
  const { log, count } = context.run;
  const before = log.lines.length;
  await action.perform(context);
  if (log.lines.length > before) count(action.name);
}

/** Returns the enrollments that an entity manager holds, loaded, stale or new, without those that it is to remove. */
export function heldEnrollments(em: SqlEntityManager): Enrollment[] {
  const unitOfWork = em.getUnitOfWork(false);
  const held = [...unitOfWork.getIdentityMap(), ...unitOfWork.getPersistStack()].filter(
    entity => entity instanceof Enrollment,
  );
  return [...new Set(held)]
    .filter(entity => !unitOfWork.getRemoveStack().has(entity))
    .toSorted((a, b) => (numberKey(a.id) ?? Infinity) - (numberKey(b.id) ?? Infinity));
}

/** Returns the courses that an entity manager has loaded. */
export function loadedCourses(em: SqlEntityManager): Course[] {
  const courses = [...em.getUnitOfWork(false).getIdentityMap()].filter(entity => entity instanceof Course);
  return courses
    .filter(course => course.id !== undefined && helper(course).isInitialized())
    .toSorted((a, b) => numberKey(a.id) - numberKey(b.id));
}

/**
 * Returns the courses to refer to: existing ones, the writer's own that are not inserted yet, and, as ghosts, deleted
 * ones.
 */
export function courseChoices({ run, em }: ActionContext, ghost: boolean): (number | Course)[] {
  const fresh = [...em.getUnitOfWork(false).getPersistStack()].filter(
    entity => entity instanceof Course && entity.id === undefined,
  ) as Course[];
  const there = courseIds(run.rows);
  return [...(ghost ? [...run.everCourses].filter(id => !there.includes(id)) : []), ...there, ...fresh];
}

/** Returns the students to name: existing ones, or, as ghosts, deleted ones. */
export function studentChoices({ run }: ActionContext, ghost: boolean): number[] {
  const there = [...run.rows.students];
  const gone = [...run.everStudents].filter(id => !run.rows.students.has(id));
  return ghost && gone.length > 0 ? gone : there;
}

/** Returns whether others have moved or removed an enrollment since it was loaded. */
export function isStale({ rows }: ModelRun, enrollment: Enrollment): boolean {
  if (enrollment.id === undefined) return false;
  return rowWith(rows, numberKey(enrollment.id))?.course !== seenCourse(enrollment);
}

/** Returns the name of an enrollment, and what its writer does not know about it. */
export function nameOf({ log, rows }: ModelRun, enrollment: Enrollment): string {
  const { id } = enrollment;
  // MikroORM takes the relations out of an entity that a fork has removed, and inserts it again without them.
  if (id === undefined)
    return `the new enrollment of ${log.name('student', numberKey((enrollment as Partial<Enrollment>).student?.id))}`;
  const seen = seenCourse(enrollment);
  const row = rowWith(rows, numberKey(id));
  const name = log.name('enrollment', numberKey(id));
  if (!row) return `${name} (which is gone)`;
  if (seen === undefined) return `${name} (whose course is not loaded)`;
  return seen === row.course
    ? name
    : `${name} (seen in ${log.name('course', seen)}, now in ${log.name('course', courseId(row.course))})`;
}

function seenCourse(enrollment: Enrollment): number | undefined {
  return (helper(enrollment).__originalEntityData as { course?: number } | undefined)?.course;
}
