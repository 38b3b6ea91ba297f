import fc from 'fast-check';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Kysely } from 'kysely';
import { Course, Enrollment, EnrollmentStatus } from '../../../src/entities/index.js';
import { anyIndex, type Action } from './action.js';
import { attempt } from './attempt.js';
import { anyCondition, conditionOf, pairsOf, type Condition, type Pair } from './conditions.js';
import { noChanges, rejection, type Changes, type Expectation } from './expectation.js';
import { rowOf } from './rows.js';
import type { ModelRun } from './model-run.js';

/** The values for one write without hooks. */
interface Given {
  readonly em: SqlEntityManager;
  readonly pair: Pair;
  readonly condition: Condition;
}

interface Bypass {
  readonly write: (given: Given) => Promise<unknown>;
  readonly expected: (run: ModelRun, given: Given) => Expectation;
}

const status = EnrollmentStatus.DROPPED;
const moment = new Date(Date.UTC(2026, 0, 1));
const full = (pair: Pair) => ({ ...pair, status, enrolledAt: moment, updatedAt: moment });
const columns = ({ em, pair: { course, student } }: Given) => {
  const stored = em.getPlatform().processDateProperty(moment);
  return { course_id: course, student_id: student, status, enrolled_at: stored, updated_at: stored };
};
const kysely = (em: SqlEntityManager) => em.getKysely() as unknown as Kysely<Record<string, Record<string, unknown>>>;
const counts = { totalEnrollments: 1_000_000 };

/** Returns the expected outcome of a write without hooks that makes these changes. */
function bypass(changes: (given: Given, run: ModelRun) => Partial<Changes>): Bypass['expected'] {
  return (run, given) => run.rules.bypass(run.rows, { ...noChanges, ...changes(given, run) });
}

const insert = bypass(({ pair }) => ({ creates: [{ id: null, ...pair, status }] }));
const update = bypass(({ condition }) => ({ updates: condition.rows.map(({ id }) => ({ id: id!, status })) }));
const remove = bypass(({ condition }) => ({ deletes: condition.rows.map(({ id }) => id!) }));
const upsert = bypass(({ pair }, { rows }) => {
  const row = rowOf(rows, pair.course, pair.student);
  return row ? { updates: [{ id: row.id!, status }] } : { creates: [{ id: null, ...pair, status }] };
});
const assigned: Bypass['expected'] = ({ rows }) => rejection(rows, 'COUNTER_ASSIGNED');
const harmless: Bypass['expected'] = ({ rows }) => ({ after: rows, rejections: [], certain: false });

/** MikroORM's writes without hooks. */
const bypasses: Record<string, Bypass> = {
  'em.insert()': { write: ({ em, pair }) => em.insert(Enrollment, full(pair)), expected: insert },
  'em.insertMany()': { write: ({ em, pair }) => em.insertMany(Enrollment, [full(pair)]), expected: insert },
  'em.upsert()': { write: ({ em, pair }) => em.upsert(Enrollment, full(pair)), expected: upsert },
  'em.upsertMany()': { write: ({ em, pair }) => em.upsertMany(Enrollment, [full(pair)]), expected: upsert },
  'em.nativeUpdate()': {
    write: ({ em, condition }) => em.nativeUpdate(Enrollment, condition.where, { status }),
    expected: update,
  },
  'em.nativeDelete()': { write: ({ em, condition }) => em.nativeDelete(Enrollment, condition.where), expected: remove },
  'QueryBuilder.insert()': {
    write: async ({ em, pair }) => em.createQueryBuilder(Enrollment).insert(full(pair)).execute(),
    expected: insert,
  },
  'QueryBuilder.update()': {
    write: async ({ em, condition }) =>
      em.createQueryBuilder(Enrollment).update({ status }).where(condition.where).execute(),
    expected: update,
  },
  'QueryBuilder.delete()': {
    write: async ({ em, condition }) => em.createQueryBuilder(Enrollment).delete(condition.where).execute(),
    expected: remove,
  },
  'Kysely insertInto()': {
    write: async given => kysely(given.em).insertInto('core_enrollments').values(columns(given)).execute(),
    expected: insert,
  },
  'Kysely updateTable()': {
    write: async ({ em, pair }) =>
      kysely(em).updateTable('core_enrollments').set({ status }).where('student_id', '=', pair.student).execute(),
    expected: bypass(({ pair }, { rows }) => ({
      updates: rows.enrollments
        .filter(({ student }) => student === pair.student)
        .map(({ id }) => ({ id: id!, status })),
    })),
  },
  'Kysely deleteFrom()': {
    write: async ({ em, pair }) =>
      kysely(em).deleteFrom('core_enrollments').where('student_id', '=', pair.student).execute(),
    expected: bypass(({ pair }, { rows }) => ({
      deletes: rows.enrollments.filter(({ student }) => student === pair.student).map(({ id }) => id!),
    })),
  },
  'em.nativeUpdate() of a count': {
    write: ({ em, pair }) => em.nativeUpdate(Course, pair.course, counts),
    expected: assigned,
  },
  'QueryBuilder.update() of a count': {
    write: async ({ em, pair }) => em.createQueryBuilder(Course).update(counts).where({ id: pair.course }).execute(),
    expected: assigned,
  },
  'Kysely updateTable() of a count': {
    write: async ({ em }) => kysely(em).updateTable('core_course').set({ total_enrollments: 1_000_000 }).execute(),
    expected: assigned,
  },
  'em.insert() with a count': {
    write: ({ em }) => em.insert(Course, { title: 'Counted', createdAt: moment, updatedAt: moment, ...counts }),
    expected: assigned,
  },
  'em.nativeUpdate() of a date': {
    write: ({ em, condition }) => em.nativeUpdate(Enrollment, condition.where, { enrolledAt: moment }),
    expected: harmless,
  },
  'em.nativeUpdate() of a title': {
    write: ({ em, pair }) => em.nativeUpdate(Course, pair.course, { title: 'Chemistry' }),
    expected: harmless,
  },
};

/**
 * Writes without hooks: what would change a count must be rejected, or counted by triggers, and everything else
 * succeeds.
 */
export const bypassing: fc.Arbitrary<Action> = fc
  .record({
    way: fc.constantFrom(...Object.keys(bypasses)),
    condition: anyCondition,
    student: anyIndex,
    course: anyIndex,
  })
  .map(({ way, condition: which, student, course }) => ({
    name: 'write without hooks',
    needs: 'database',
    async perform(context) {
      const { run, who, em } = context;
      const [condition, [pair]] = [conditionOf(context, which), pairsOf(context, [{ student, course }], false)];
      if (!condition || !pair) return;
      const given = { em, pair, condition };
      const { write, expected } = bypasses[way]!;
      run.log.write(
        `${who} calls ${way}, for ${run.log.name('student', pair.student)} in ${run.log.name('course', pair.course)}, or all ${condition.text}`,
      );
      await attempt(context, () => write(given), expected(run, given));
    },
  }));
