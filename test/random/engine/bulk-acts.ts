import fc from 'fast-check';
import { deleteWhere, insertMany, lockTargets, updateWhere } from 'mikro-orm-counters';
import { Enrollment, EnrollmentStatus } from '../../../src/entities/index.js';
import { anyStatus, choice, chosen, seldom, type Act, type Scene } from './act.js';
import { attempt } from './attempt.js';
import { anyCondition, conditionOf, pairsOf } from './conditions.js';
import { noChanges, refusal, type Changes } from './expectation.js';
import { courseIds, rowOf } from './rows.js';

/**
 * Inserts several enrollments at once; a pair that is named twice or there already must be refused, with all others.
 */
export const insertingMany: fc.Arbitrary<Act> = fc
  .record({
    pairs: fc.array(fc.record({ student: choice, course: choice }), { minLength: 1, maxLength: 4 }),
    status: fc.option(anyStatus),
    ghost: seldom,
    twice: seldom,
  })
  .map(({ pairs, status, ghost, twice }) => ({
    name: 'insertMany',
    needs: 'database',
    async perform(scene) {
      const free = pairsOf(scene, pairs, ghost).filter(({ student, course }, index, all) => {
        const before = all.slice(0, index).some(other => other.student === student && other.course === course);
        return twice || (!before && !rowOf(scene.world.rows, course, student));
      });
      const creates = free.map(pair => ({ id: null, ...pair, status: status ?? EnrollmentStatus.ACTIVE }));
      if (creates.length === 0) return;
      const { who, em } = scene;
      const { story } = scene.world;
      const told = creates.map(
        ({ student, course }) => `${story.name('student', student)} in ${story.name('course', course)}`,
      );
      story.tell(`${who} inserts many: ${told.join(', ')} (${status ?? 'by default active'})`);
      const data = free.map(pair => ({ ...pair, ...(status !== null && { status }) }));
      await bulk(scene, { ...noChanges, creates }, () => insertMany(em, Enrollment, data));
    },
  }));

/** Updates all enrollments that meet a condition: moves them, sets their status, or both. */
export const updatingWhere: fc.Arbitrary<Act> = fc
  .record({ condition: anyCondition, course: fc.option(choice), ghost: seldom, status: fc.option(anyStatus) })
  .filter(({ course, status }) => course !== null || status !== null)
  .map(({ condition: which, course: where, ghost, status }) => ({
    name: 'updateWhere',
    needs: 'database',
    async perform(scene) {
      const { who, em } = scene;
      const { story, rows, everCourses } = scene.world;
      const condition = conditionOf(scene, which);
      const course = where === null ? undefined : chosen(ghost ? [...everCourses] : courseIds(rows), where);
      const data = { ...(course !== undefined && { course }), ...(status !== null && { status }) };
      if (!condition || Object.keys(data).length === 0) return;
      const moves = course === undefined ? [] : [`moves to ${story.name('course', course)}`];
      story.tell(
        `${who} ${[...moves, ...(status === null ? [] : [`sets ${status}`])].join(' and ')} all ${condition.told}`,
      );
      const updates = condition.rows.map(({ id }) => ({ id: id!, ...data }));
      await bulk(scene, { ...noChanges, updates }, () => updateWhere(em, Enrollment, condition.where, data));
    },
  }));

/** Deletes all enrollments that meet a condition. */
export const deletingWhere: fc.Arbitrary<Act> = anyCondition.map(which => ({
  name: 'deleteWhere',
  needs: 'database',
  async perform(scene) {
    const condition = conditionOf(scene, which);
    if (!condition) return;
    scene.world.story.tell(`${scene.who} deletes all ${condition.told}`);
    await bulk(scene, { ...noChanges, deletes: condition.rows.map(({ id }) => id!) }, () =>
      deleteWhere(scene.em, Enrollment, condition.where),
    );
  },
}));

/** Locks courses in order, which needs a transaction. */
export const locking: fc.Arbitrary<Act> = fc
  .record({ courses: fc.array(choice, { minLength: 1, maxLength: 3 }) })
  .map(({ courses }) => ({
    name: 'lockTargets',
    needs: 'database',
    async perform(scene) {
      const { world, who, em } = scene;
      const ids = courses.flatMap(number => chosen([...world.everCourses], number) ?? []);
      world.story.tell(`${who} locks ${ids.map(id => world.story.name('course', id)).join(', ')}`);
      const own = em.isInTransaction() ? undefined : refusal(world.rows, 'COUNTER_TRANSACTION');
      await attempt(
        scene,
        async () => {
          const locked = await lockTargets(
            em,
            Enrollment,
            'course',
            ids.map(id => [id]),
          );
          const there = ids.filter(id => world.rows.courses.has(id));
          if (String(locked) !== String(there)) world.complain(`it locked ${String(locked)}, not ${String(there)}`);
        },
        own,
      );
    },
  }));

async function bulk(scene: Scene, changes: Changes, write: () => Promise<number>): Promise<void> {
  const { world, em } = scene;
  const before = world.rows;
  const wanted = changes.creates.length + changes.updates.length + changes.deletes.length;
  const done = await attempt(
    scene,
    async () => {
      const written = await write();
      if (written !== wanted) world.complain(`it says that it wrote ${written} rows, not ${wanted}`);
    },
    world.rules.bulk(before, changes),
  );
  if (!done) return;
  const ids = [...changes.deletes, ...changes.updates.map(({ id }) => id)];
  const old = before.enrollments.filter(({ id }) => id !== null && ids.includes(id));
  world.showed(
    em,
    [...old, ...changes.creates, ...changes.updates].flatMap(({ course }) => course ?? []),
  );
}
