import fc from 'fast-check';
import { Course, Enrollment } from '../../../src/entities/index.js';
import { called, choice, chosen, heldEnrollments, loadedCourses, seldom, type Act } from './act.js';
import { attempt, flushOrLeave } from './attempt.js';
import { courseIds } from './rows.js';

/**
 * Loads the enrollments of a course, all enrollments, or all courses, whole or in part, so that they grow stale;
 * MikroORM may flush before.
 */
export const loading: fc.Arbitrary<Act> = fc
  .record({
    what: fc.constantFrom('course', 'enrollments', 'courses'),
    course: choice,
    refresh: seldom,
    partial: seldom,
  })
  .map(({ what, course: where, refresh, partial }) => ({
    name: 'load',
    needs: 'database',
    async perform(scene) {
      const { world, em, who } = scene;
      const id = chosen(courseIds(world.rows), where);
      if (id === undefined) return;
      const told = what === 'course' ? `the enrollments of ${world.story.name('course', id)}` : `all ${what}`;
      world.story.tell(`${who} loads ${partial ? 'parts of ' : ''}${told}${refresh ? ' anew' : ''}`);
      await attempt(scene, () => {
        if (what === 'courses') return em.find(Course, {}, { refresh, ...(partial && { fields: ['title'] }) });
        return em.find(Enrollment, what === 'course' ? { course: id } : {}, {
          refresh,
          ...(partial && { fields: ['status'] }),
        });
      });
    },
  }));

/** Renames a loaded course, whose counts may be stale. */
export const renaming: fc.Arbitrary<Act> = fc
  .record({ course: choice, title: fc.constantFrom('Algebra', 'Botany'), flush: fc.boolean() })
  .map(({ course: which, title, flush }) => ({
    name: 'rename a course',
    needs: flush ? 'database' : 'memory',
    async perform(scene) {
      const course = chosen(loadedCourses(scene.em), which);
      if (!course) return;
      const { story } = scene.world;
      story.tell(`${scene.who} renames ${story.name('course', course.id)}, loaded before`);
      course.title = title;
      await flushOrLeave(scene, flush);
    },
  }));

/** Changes what no counter looks at. */
export const touching: fc.Arbitrary<Act> = fc
  .record({ enrollment: choice, day: fc.nat({ max: 27 }) })
  .map(({ enrollment: which, day }) => ({
    name: 'change a date',
    needs: 'memory',
    perform({ world, who, em }) {
      const enrollment = chosen(heldEnrollments(em), which);
      if (!enrollment) return Promise.resolve();
      world.story.tell(`${who} takes ${called(world, enrollment)}, changes its date`);
      enrollment.enrolledAt = new Date(Date.UTC(2026, 1, day + 1));
      return Promise.resolve();
    },
  }));

/** Assigns a stored count of a loaded course or a new one, which must be refused. */
export const assigning: fc.Arbitrary<Act> = fc
  .record({ course: choice, property: fc.constantFrom('totalEnrollments', 'activeEnrollments'), fresh: seldom })
  .map(({ course: which, property, fresh }) => ({
    name: 'assign a count',
    needs: 'database',
    async perform(scene) {
      const { world, em, who } = scene;
      const course = fresh ? em.create(Course, { title: 'With counts' }) : chosen(loadedCourses(em), which);
      if (!course) return;
      world.story.tell(`${who} assigns ${property} of ${world.story.name('course', course.id)}, and flushes`);
      world.assigned.add(course);
      Object.assign(course, { [property]: 1_000_000 });
      await attempt(scene, () => em.flush());
    },
  }));

/** Flushes whatever was left before, or nothing. */
export const flushing: fc.Arbitrary<Act> = fc.constant({
  name: 'flush',
  needs: 'database',
  async perform(scene) {
    scene.world.story.tell(`${scene.who} flushes`);
    await attempt(scene, () => scene.em.flush());
  },
});

/** Forgets all that was loaded or changed. */
export const clearing: fc.Arbitrary<Act> = fc.constant({
  name: 'clear',
  needs: 'memory',
  perform({ world, who, em }) {
    world.story.tell(`${who} clears the entity manager`);
    em.clear();
    return Promise.resolve();
  },
});
