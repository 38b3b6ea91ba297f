import fc from 'fast-check';
import { Reference } from '@mikro-orm/core';
import { Course, Enrollment, User } from '../../../src/entities/index.js';
import {
  anyStatus,
  nameOf,
  anyIndex,
  pick,
  courseChoices,
  heldEnrollments,
  isStale,
  rarely,
  studentChoices,
  type Action,
  type ActionContext,
} from './action.js';
import { attempt, flushOrLeave } from './attempt.js';
import { courseIds, rowOf } from './rows.js';
import { numberKey } from '../../support/keys.js';

const flush = fc.nat({ max: 2 }).map(number => number > 0);

/**
 * The enrollments to choose from: those in memory, the stale ones of these, the existing ones, or all that ever
 * existed.
 */
type Way = 'held' | 'stale' | 'referenced' | 'ever';
const ways = (...ways: Way[]): fc.Arbitrary<Way> => fc.constantFrom(...ways);

/** Enrolls one student, through a course that is loaded, new or only referenced. */
export const enrolling: fc.Arbitrary<Action> = fc
  .record({
    student: anyIndex,
    course: anyIndex,
    ghosts: fc.tuple(rarely, rarely),
    twice: rarely,
    loaded: fc.boolean(),
    status: fc.option(anyStatus, { freq: 4 }),
    flush,
  })
  .map(({ student: who, course: where, ghosts: [noCourse, noStudent], twice, loaded, status, flush }) => ({
    name: 'enroll',
    needs: loaded || flush ? 'database' : 'memory',
    async perform(context) {
      const { em } = context;
      const { rows, log } = context.run;
      const target = pick(courseChoices(context, noCourse), where);
      if (target === undefined) return;
      const student = pick(
        studentChoices(context, noStudent).filter(one => twice || !rowOf(rows, target, one)),
        who,
      );
      if (student === undefined) return;
      const id = typeof target === 'number' ? target : numberKey(target.id);
      const place = `${log.name('course', id)}${loaded ? ', which is loaded,' : ''}`;
      log.write(
        `${context.who} enrolls ${log.name('student', student)} in ${place} (${status ?? 'by default active'})`,
      );
      if (loaded && id !== undefined && !(await attempt(context, () => em.findOne(Course, id)))) return;
      const course =
        typeof target === 'number' ? em.getReference(Course, target, { wrapped: true }) : Reference.create(target);
      em.create(Enrollment, {
        course,
        student: em.getReference(User, student, { wrapped: true }),
        ...(status !== null && { status }),
      });
      await flushOrLeave(context, flush);
    },
  }));

/** Creates a course together with enrollments. */
export const creatingCourse: fc.Arbitrary<Action> = fc
  .record({ students: fc.array(anyIndex, { maxLength: 3 }), flush })
  .map(({ students: who, flush }) => ({
    name: 'create a course',
    needs: flush ? 'database' : 'memory',
    async perform(context) {
      const { run, em } = context;
      if (run.rows.courses.size > 5) return;
      const students = new Set(who.flatMap(number => pick([...run.rows.students], number) ?? []));
      const named = [...students].map(id => run.log.name('student', id)).join(', ');
      run.log.write(`${context.who} creates a course with ${named || 'nobody'} in it`);
      const course = em.create(Course, { title: 'A new course' });
      for (const student of students)
        em.create(Enrollment, {
          course: Reference.create(course),
          student: em.getReference(User, student, { wrapped: true }),
        });
      await flushOrLeave(context, flush);
    },
  }));

/** Moves an enrollment, sets its status, gives it to another student, or several of these at once. */
export const changing: fc.Arbitrary<Action> = fc
  .record({
    enrollment: anyIndex,
    way: ways('held', 'held', 'held', 'stale', 'stale', 'referenced', 'ever'),
    course: fc.option(anyIndex),
    ghost: rarely,
    status: fc.option(anyStatus),
    student: fc.option(anyIndex, { freq: 1 }),
    flush,
  })
  .filter(({ course, status, student }) => course !== null || status !== null || student !== null)
  .map(({ enrollment: which, way, course: where, ghost, status, student: whose, flush }) => ({
    name: 'change',
    needs: flush ? 'database' : 'memory',
    async perform(context) {
      const { em } = context;
      const { log, rows } = context.run;
      const enrollment = chooseEnrollment(context, which, way);
      const course = where === null ? undefined : pick(courseChoices(context, ghost), where);
      const student = whose === null ? undefined : pick([...rows.students], whose);
      const parts = [
        ...(course === undefined
          ? []
          : [`moves it to ${log.name('course', typeof course === 'number' ? course : numberKey(course.id))}`]),
        ...(status === null ? [] : [`sets it ${status}`]),
        ...(student === undefined ? [] : [`gives it to ${log.name('student', student)}`]),
      ];
      if (!enrollment || parts.length === 0) return;
      log.write(`${context.who} takes ${nameOf(context.run, enrollment)}, ${parts.join(' and ')}`);
      if (course !== undefined)
        enrollment.course =
          typeof course === 'number' ? em.getReference(Course, course, { wrapped: true }) : Reference.create(course);
      if (status !== null) enrollment.status = status;
      if (student !== undefined) enrollment.student = em.getReference(User, student, { wrapped: true });
      await flushOrLeave(context, flush);
    },
  }));

/** Removes an enrollment, loaded, stale or by reference. */
export const removing: fc.Arbitrary<Action> = fc
  .record({ enrollment: anyIndex, way: ways('held', 'stale', 'referenced', 'ever'), flush })
  .map(({ enrollment: which, way, flush }) => ({
    name: 'remove',
    needs: flush ? 'database' : 'memory',
    async perform(context) {
      const enrollment = chooseEnrollment(context, which, way);
      if (!enrollment || isWaitingOutside(context, enrollment)) return;
      context.run.log.write(`${context.who} removes ${nameOf(context.run, enrollment)}`);
      context.em.remove(enrollment);
      await flushOrLeave(context, flush);
    },
  }));

/**
 * Removes a course and the enrollments that are in it, in one flush; or the course alone, which is rejected while
 * somebody is in it.
 */
export const removingCourse: fc.Arbitrary<Action> = fc
  .record({ course: anyIndex, alone: rarely })
  .map(({ course: which, alone }) => ({
    name: 'remove a course',
    needs: 'database',
    async perform(context) {
      const { run, em } = context;
      const id = pick(courseIds(run.rows), which);
      if (id === undefined || run.rows.courses.size < 3) return;
      run.log.write(
        `${context.who} removes ${run.log.name('course', id)} ${alone ? 'alone' : 'with its enrollments'}, and flushes`,
      );
      let enrollments: Enrollment[] = [];
      const found =
        alone ||
        (await attempt(context, async () => {
          enrollments = await em.find(Enrollment, { course: id });
        }));
      if (!found || enrollments.some(enrollment => isWaitingOutside(context, enrollment))) return;
      for (const enrollment of enrollments) em.remove(enrollment);
      em.remove(em.getReference(Course, id));
      await attempt(context, () => em.flush());
      // MikroORM empties the references to a removed entity, in other loaded enrollments too.
      for (const one of context.level.ems) one.clear();
    },
  }));

/**
 * Returns whether an outer entity manager has yet to save an enrollment: once it is removed in the inner one, MikroORM
 * would insert it again there, or fail.
 */
function isWaitingOutside({ level, em }: ActionContext, enrollment: Enrollment): boolean {
  return level.ems.some(one => one !== em && one.getUnitOfWork(false).getPersistStack().has(enrollment));
}

function chooseEnrollment({ run, em }: ActionContext, number: number, way: Way): Enrollment | undefined {
  const held = heldEnrollments(em);
  if (way === 'held') return pick(held, number);
  if (way === 'stale')
    return pick(
      held.filter(enrollment => isStale(run, enrollment)),
      number,
    );
  const ids =
    way === 'ever' ? [...run.everEnrollments].toReversed() : run.rows.enrollments.flatMap(({ id }) => id ?? []);
  const id = pick(ids, number);
  return id === undefined ? undefined : em.getReference(Enrollment, id);
}
