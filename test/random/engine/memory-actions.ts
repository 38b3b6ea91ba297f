import fc from 'fast-check';
import { Course, Enrollment } from '../../../src/entities/index.js';
import { nameOf, anyIndex, pick, heldEnrollments, loadedCourses, rarely, type Action } from './action.js';
import { attempt, flushOrLeave } from './attempt.js';
import { courseIds } from './rows.js';
import { numberKey } from '../../support/keys.js';

/**
 * Loads the enrollments of a course, all enrollments, or all courses, whole or in part, so that they grow stale;
 * MikroORM may flush before.
 */
export const loading: fc.Arbitrary<Action> = fc
  .record({
    what: fc.constantFrom('course', 'enrollments', 'courses'),
    course: anyIndex,
    refresh: rarely,
    partial: rarely,
  })
  .map(({ what, course: where, refresh, partial }) => ({
    name: 'load',
    needs: 'database',
    async perform(context) {
      const { run, em, who } = context;
      const id = pick(courseIds(run.rows), where);
      if (id === undefined) return;
      const text = what === 'course' ? `the enrollments of ${run.log.name('course', id)}` : `all ${what}`;
      run.log.write(`${who} loads ${partial ? 'parts of ' : ''}${text}${refresh ? ' anew' : ''}`);
      await attempt(context, () => {
        if (what === 'courses') return em.find(Course, {}, { refresh, ...(partial && { fields: ['title'] }) });
        return em.find(Enrollment, what === 'course' ? { course: id } : {}, {
          refresh,
          ...(partial && { fields: ['status'] }),
        });
      });
    },
  }));

/** Renames a loaded course, whose counts may be stale. */
export const renaming: fc.Arbitrary<Action> = fc
  .record({ course: anyIndex, title: fc.constantFrom('Algebra', 'Botany'), flush: fc.boolean() })
  .map(({ course: which, title, flush }) => ({
    name: 'rename a course',
    needs: flush ? 'database' : 'memory',
    async perform(context) {
      const course = pick(loadedCourses(context.em), which);
      if (!course) return;
      const { log } = context.run;
      log.write(`${context.who} renames ${log.name('course', numberKey(course.id))}, loaded before`);
      course.title = title;
      await flushOrLeave(context, flush);
    },
  }));

/** Changes a property that no counter watches. */
export const touching: fc.Arbitrary<Action> = fc
  .record({ enrollment: anyIndex, day: fc.nat({ max: 27 }) })
  .map(({ enrollment: which, day }) => ({
    name: 'change a date',
    needs: 'memory',
    perform({ run, who, em }) {
      const enrollment = pick(heldEnrollments(em), which);
      if (!enrollment) return Promise.resolve();
      run.log.write(`${who} takes ${nameOf(run, enrollment)}, changes its date`);
      enrollment.enrolledAt = new Date(Date.UTC(2026, 1, day + 1));
      return Promise.resolve();
    },
  }));

/** Assigns a stored count of a loaded course or a new one, which must be rejected. */
export const assigning: fc.Arbitrary<Action> = fc
  .record({ course: anyIndex, property: fc.constantFrom('totalEnrollments', 'activeEnrollments'), fresh: rarely })
  .map(({ course: which, property, fresh }) => ({
    name: 'assign a count',
    needs: 'database',
    async perform(context) {
      const { run, em, who } = context;
      const course = fresh ? em.create(Course, { title: 'With counts' }) : pick(loadedCourses(em), which);
      if (!course) return;
      run.log.write(`${who} assigns ${property} of ${run.log.name('course', numberKey(course.id))}, and flushes`);
      run.assigned.add(course);
      Object.assign(course, { [property]: 1_000_000 });
      await attempt(context, () => em.flush());
    },
  }));

/** Flushes the pending changes, if any. */
export const flushing: fc.Arbitrary<Action> = fc.constant({
  name: 'flush',
  needs: 'database',
  async perform(context) {
    context.run.log.write(`${context.who} flushes`);
    await attempt(context, () => context.em.flush());
  },
});

/** Forgets everything that was loaded or changed. */
export const clearing: fc.Arbitrary<Action> = fc.constant({
  name: 'clear',
  needs: 'memory',
  perform({ run, who, em }) {
    run.log.write(`${who} clears the entity manager`);
    em.clear();
    return Promise.resolve();
  },
});
