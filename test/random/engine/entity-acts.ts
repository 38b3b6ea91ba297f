import fc from 'fast-check';
import { Reference } from '@mikro-orm/core';
import { Course, Enrollment, User } from '../../../src/entities/index.js';
import {
  anyStatus,
  called,
  choice,
  chosen,
  courseChoices,
  heldEnrollments,
  isStale,
  seldom,
  studentChoices,
  type Act,
  type Scene,
} from './act.js';
import { attempt, flushOrLeave } from './attempt.js';
import { courseIds, rowOf } from './rows.js';

const flush = fc.nat({ max: 2 }).map(number => number > 0);

/**
 * Says which enrollments to choose from: those in memory, those of them that others have changed since, those that are
 * there, or that ever were.
 */
type Way = 'held' | 'stale' | 'referenced' | 'ever';
const ways = (...ways: Way[]): fc.Arbitrary<Way> => fc.constantFrom(...ways);

/** Enrolls one student, through a course that is loaded, new or only referenced. */
export const enrolling: fc.Arbitrary<Act> = fc
  .record({
    student: choice,
    course: choice,
    ghosts: fc.tuple(seldom, seldom),
    twice: seldom,
    loaded: fc.boolean(),
    status: fc.option(anyStatus, { freq: 4 }),
    flush,
  })
  .map(({ student: who, course: where, ghosts: [noCourse, noStudent], twice, loaded, status, flush }) => ({
    name: 'enroll',
    needs: loaded || flush ? 'database' : 'memory',
    async perform(scene) {
      const { em } = scene;
      const { rows, story } = scene.world;
      const target = chosen(courseChoices(scene, noCourse), where);
      if (target === undefined) return;
      const student = chosen(
        studentChoices(scene, noStudent).filter(one => twice || !rowOf(rows, target, one)),
        who,
      );
      if (student === undefined) return;
      const id = typeof target === 'number' ? target : target.id;
      const place = `${story.name('course', id)}${loaded ? ', which is loaded,' : ''}`;
      story.tell(
        `${scene.who} enrolls ${story.name('student', student)} in ${place} (${status ?? 'by default active'})`,
      );
      if (loaded && id !== undefined && !(await attempt(scene, () => em.findOne(Course, id)))) return;
      const course =
        typeof target === 'number' ? em.getReference(Course, target, { wrapped: true }) : Reference.create(target);
      em.create(Enrollment, {
        course,
        student: em.getReference(User, student, { wrapped: true }),
        ...(status !== null && { status }),
      });
      await flushOrLeave(scene, flush);
    },
  }));

/** Creates a course together with enrollments. */
export const creatingCourse: fc.Arbitrary<Act> = fc
  .record({ students: fc.array(choice, { maxLength: 3 }), flush })
  .map(({ students: who, flush }) => ({
    name: 'create a course',
    needs: flush ? 'database' : 'memory',
    async perform(scene) {
      const { world, em } = scene;
      if (world.rows.courses.size > 5) return;
      const students = new Set(who.flatMap(number => chosen([...world.rows.students], number) ?? []));
      const named = [...students].map(id => world.story.name('student', id)).join(', ');
      world.story.tell(`${scene.who} creates a course with ${named || 'nobody'} in it`);
      const course = em.create(Course, { title: 'A new course' });
      for (const student of students)
        em.create(Enrollment, {
          course: Reference.create(course),
          student: em.getReference(User, student, { wrapped: true }),
        });
      await flushOrLeave(scene, flush);
    },
  }));

/** Moves an enrollment, sets its status, gives it to another student, or several of these at once. */
export const changing: fc.Arbitrary<Act> = fc
  .record({
    enrollment: choice,
    way: ways('held', 'held', 'held', 'stale', 'stale', 'referenced', 'ever'),
    course: fc.option(choice),
    ghost: seldom,
    status: fc.option(anyStatus),
    student: fc.option(choice, { freq: 1 }),
    flush,
  })
  .filter(({ course, status, student }) => course !== null || status !== null || student !== null)
  .map(({ enrollment: which, way, course: where, ghost, status, student: whose, flush }) => ({
    name: 'change',
    needs: flush ? 'database' : 'memory',
    async perform(scene) {
      const { em } = scene;
      const { story, rows } = scene.world;
      const enrollment = chooseEnrollment(scene, which, way);
      const course = where === null ? undefined : chosen(courseChoices(scene, ghost), where);
      const student = whose === null ? undefined : chosen([...rows.students], whose);
      const parts = [
        ...(course === undefined
          ? []
          : [`moves it to ${story.name('course', typeof course === 'number' ? course : course.id)}`]),
        ...(status === null ? [] : [`sets it ${status}`]),
        ...(student === undefined ? [] : [`gives it to ${story.name('student', student)}`]),
      ];
      if (!enrollment || parts.length === 0) return;
      story.tell(`${scene.who} takes ${called(scene.world, enrollment)}, ${parts.join(' and ')}`);
      if (course !== undefined)
        enrollment.course =
          typeof course === 'number' ? em.getReference(Course, course, { wrapped: true }) : Reference.create(course);
      if (status !== null) enrollment.status = status;
      if (student !== undefined) enrollment.student = em.getReference(User, student, { wrapped: true });
      await flushOrLeave(scene, flush);
    },
  }));

/** Removes an enrollment, loaded, stale or by reference. */
export const removing: fc.Arbitrary<Act> = fc
  .record({ enrollment: choice, way: ways('held', 'stale', 'referenced', 'ever'), flush })
  .map(({ enrollment: which, way, flush }) => ({
    name: 'remove',
    needs: flush ? 'database' : 'memory',
    async perform(scene) {
      const enrollment = chooseEnrollment(scene, which, way);
      if (!enrollment || isWaitingOutside(scene, enrollment)) return;
      scene.world.story.tell(`${scene.who} removes ${called(scene.world, enrollment)}`);
      scene.em.remove(enrollment);
      await flushOrLeave(scene, flush);
    },
  }));

/**
 * Removes a course and the enrollments that are in it, in one flush; or the course alone, which is refused while
 * somebody is in it.
 */
export const removingCourse: fc.Arbitrary<Act> = fc
  .record({ course: choice, alone: seldom })
  .map(({ course: which, alone }) => ({
    name: 'remove a course',
    needs: 'database',
    async perform(scene) {
      const { world, em } = scene;
      const id = chosen(courseIds(world.rows), which);
      if (id === undefined || world.rows.courses.size < 3) return;
      world.story.tell(
        `${scene.who} removes ${world.story.name('course', id)} ${alone ? 'alone' : 'with its enrollments'}, and flushes`,
      );
      let enrollments: Enrollment[] = [];
      const found =
        alone ||
        (await attempt(scene, async () => {
          enrollments = await em.find(Enrollment, { course: id });
        }));
      if (!found || enrollments.some(enrollment => isWaitingOutside(scene, enrollment))) return;
      for (const enrollment of enrollments) em.remove(enrollment);
      em.remove(em.getReference(Course, id));
      await attempt(scene, () => em.flush());
      // MikroORM empties the references to a removed entity, in other loaded enrollments too.
      for (const one of scene.level.ems) one.clear();
    },
  }));

/**
 * Tells whether an entity manager outside is still to save an enrollment: MikroORM would insert it again there, or fail
 * at it, once it is removed in here.
 */
function isWaitingOutside({ level, em }: Scene, enrollment: Enrollment): boolean {
  return level.ems.some(one => one !== em && one.getUnitOfWork(false).getPersistStack().has(enrollment));
}

function chooseEnrollment({ world, em }: Scene, number: number, way: Way): Enrollment | undefined {
  const held = heldEnrollments(em);
  if (way === 'held') return chosen(held, number);
  if (way === 'stale')
    return chosen(
      held.filter(enrollment => isStale(world, enrollment)),
      number,
    );
  const ids =
    way === 'ever' ? [...world.everEnrollments].reverse() : world.rows.enrollments.flatMap(({ id }) => id ?? []);
  const id = chosen(ids, number);
  return id === undefined ? undefined : em.getReference(Enrollment, id);
}
