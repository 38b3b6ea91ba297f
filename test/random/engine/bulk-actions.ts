import fc from 'fast-check';
import { deleteWhere, insertMany, lockTargets, updateWhere } from 'mikro-orm-counters';
import { Enrollment, EnrollmentStatus } from '../../../src/entities/index.js';
import { anyStatus, anyIndex, pick, rarely, type Action, type ActionContext } from './action.js';
import { attempt } from './attempt.js';
import { anyCondition, conditionOf, pairsOf } from './conditions.js';
import { noChanges, rejection, type Changes } from './expectation.js';
import { courseIds, rowOf } from './rows.js';

/**
 * Inserts several enrollments at once; a pair that is named twice or exists already must be rejected, with all others.
 */
export const insertingMany: fc.Arbitrary<Action> = fc
  .record({
    pairs: fc.array(fc.record({ student: anyIndex, course: anyIndex }), { minLength: 1, maxLength: 4 }),
    status: fc.option(anyStatus),
    ghost: rarely,
    twice: rarely,
  })
  .map(({ pairs, status, ghost, twice }) => ({
    name: 'insertMany',
    needs: 'database',
    async perform(context) {
      const free = pairsOf(context, pairs, ghost).filter(({ student, course }, index, all) => {
        const before = all.slice(0, index).some(other => other.student === student && other.course === course);
        return twice || (!before && !rowOf(context.run.rows, course, student));
      });
      const creates = free.map(pair => ({ id: null, ...pair, status: status ?? EnrollmentStatus.ACTIVE }));
      if (creates.length === 0) return;
      const { who, em } = context;
      const { log } = context.run;
      const text = creates.map(
        ({ student, course }) => `${log.name('student', student)} in ${log.name('course', course)}`,
      );
      log.write(`${who} inserts many: ${text.join(', ')} (${status ?? 'by default active'})`);
      const data = free.map(pair => ({ ...pair, ...(status !== null && { status }) }));
      await bulk(context, { ...noChanges, creates }, () => insertMany(em, Enrollment, data));
    },
  }));

/** Updates all enrollments that meet a condition: moves them, sets their status, or both. */
export const updatingWhere: fc.Arbitrary<Action> = fc
  .record({ condition: anyCondition, course: fc.option(anyIndex), ghost: rarely, status: fc.option(anyStatus) })
  .filter(({ course, status }) => course !== null || status !== null)
  .map(({ condition: which, course: where, ghost, status }) => ({
    name: 'updateWhere',
    needs: 'database',
    async perform(context) {
      const { who, em } = context;
      const { log, rows, everCourses } = context.run;
      const condition = conditionOf(context, which);
      const course = where === null ? undefined : pick(ghost ? [...everCourses] : courseIds(rows), where);
      const data = { ...(course !== undefined && { course }), ...(status !== null && { status }) };
      if (!condition || Object.keys(data).length === 0) return;
      const moves = course === undefined ? [] : [`moves to ${log.name('course', course)}`];
      log.write(
        `${who} ${[...moves, ...(status === null ? [] : [`sets ${status}`])].join(' and ')} all ${condition.text}`,
      );
      const updates = condition.rows.map(({ id }) => ({ id: id!, ...data }));
      await bulk(context, { ...noChanges, updates }, () => updateWhere(em, Enrollment, condition.where, data));
    },
  }));

/** Deletes all enrollments that meet a condition. */
export const deletingWhere: fc.Arbitrary<Action> = anyCondition.map(which => ({
  name: 'deleteWhere',
  needs: 'database',
  async perform(context) {
    const condition = conditionOf(context, which);
    if (!condition) return;
    context.run.log.write(`${context.who} deletes all ${condition.text}`);
    await bulk(context, { ...noChanges, deletes: condition.rows.map(({ id }) => id!) }, () =>
      deleteWhere(context.em, Enrollment, condition.where),
    );
  },
}));

/** Locks courses in order, which needs a transaction. */
export const locking: fc.Arbitrary<Action> = fc
  .record({ courses: fc.array(anyIndex, { minLength: 1, maxLength: 3 }) })
  .map(({ courses }) => ({
    name: 'lockTargets',
    needs: 'database',
    async perform(context) {
      const { run, who, em } = context;
      const ids = courses.flatMap(number => pick([...run.everCourses], number) ?? []);
      run.log.write(`${who} locks ${ids.map(id => run.log.name('course', id)).join(', ')}`);
      const own = em.isInTransaction() ? undefined : rejection(run.rows, 'COUNTER_TRANSACTION');
      await attempt(
        context,
        async () => {
          const locked = await lockTargets(
            em,
            Enrollment,
            'course',
            ids.map(id => [id]),
          );
          const there = ids.filter(id => run.rows.courses.has(id));
          if (String(locked) !== String(there)) run.addProblem(`it locked ${String(locked)}, not ${String(there)}`);
        },
        own,
      );
    },
  }));

async function bulk(context: ActionContext, changes: Changes, write: () => Promise<number>): Promise<void> {
  const { run, em } = context;
  const before = run.rows;
  const wanted = changes.creates.length + changes.updates.length + changes.deletes.length;
  const done = await attempt(
    context,
    async () => {
      const written = await write();
      if (written !== wanted) run.addProblem(`it says that it wrote ${written} rows, not ${wanted}`);
    },
    run.rules.bulk(before, changes),
    true,
  );
  if (!done) return;
  const ids = [...changes.deletes, ...changes.updates.map(({ id }) => id)];
  const old = before.enrollments.filter(({ id }) => id !== null && ids.includes(id));
  run.expectShown(
    em,
    [...old, ...changes.creates, ...changes.updates].flatMap(({ course }) => course ?? []),
  );
}
