import { IsolationLevel } from '@mikro-orm/core';
import { expect, it, vi } from 'vitest';
import { recountAll, recountRows, RepairPace } from 'mikro-orm-counters';
import { Course, Enrollment } from '../../../src/entities/index.js';
import { describeOnEngineDatabases, engineServerKinds } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { untilLockWaits } from '../../support/lock-waits.js';
import { statementsOf, summarize } from '../../support/statements.js';
import { addCourses, addStudents, countsOf, enroll, expectExactSchool, school } from '../models/school.js';

const DRIFTING = 100;

describeOnEngineDatabases('a recount of several rows', kind => {
  const schema = useSchema(kind, school);
  const lock = kind === 'sqlite' ? 'select' : 'lock';

  it('a recount of several rows locks them, counts them in one statement, and reports each change in their order', async () => {
    const [first, second, third] = await addCourses(schema, 3);
    const [student, other] = await addStudents(schema, 2);
    await enroll(schema, first!, student!);
    await enroll(schema, third!, student!);
    await enroll(schema, third!, other!);
    await schema.write('update core_course set total_enrollments = 9', []);
    await schema.em().transactional(async em => {
      const loaded = await em.findOneOrFail(Course, third!);
      const statements = await statementsOf(schema.database, async () => {
        const changes = await recountRows(em, Course, [[third], [123_456], [second], [first]]);
        expect(changes.map(({ counter, key, before, after }) => [counter, key, before, after])).toEqual([
          ['Course.totalEnrollments', [first], 9, 1],
          ['Course.totalEnrollments', [second], 9, 0],
          ['Course.totalEnrollments', [third], 9, 2],
        ]);
      });
      expect(summarize(statements).slice(0, 3)).toEqual([
        `${lock} core_course`,
        'update core_course',
        `${lock} core_course`,
      ]);
      expect([loaded.totalEnrollments, loaded.activeEnrollments]).toEqual([2, 2]);
    });
    await expectExactSchool(schema);
  });

  it('a recount of all repairs many rows in one transaction, and each time more', async () => {
    await addCourses(schema, DRIFTING);
    await schema.write('update core_course set total_enrollments = 9', []);
    // As if everything took no time.
    const clock = vi.spyOn(performance, 'now').mockReturnValue(0);
    const statements = await statementsOf(schema.database, async () => {
      expect(await recountAll(schema.em(), { batchSize: DRIFTING })).toMatchObject({
        drifted: DRIFTING,
        repaired: DRIFTING,
      });
    });
    clock.mockRestore();
    // 1, 4, 16, 64 and 15 rows.
    expect(summarize(statements).filter(one => one === 'update core_course')).toHaveLength(5);
    await expectExactSchool(schema);
  });
});

describeOnEngineDatabases(
  'a recount of several rows beside a writer',
  kind => {
    const schema = useSchema(kind, school);
    const levels =
      kind === 'postgresql'
        ? [IsolationLevel.READ_COMMITTED]
        : [IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ];

    it.each(levels)(
      'what the writer commits is counted while the recount waits for one of the rows (%s)',
      async isolationLevel => {
        const [first, second, third] = await addCourses(schema, 3);
        const [student] = await addStudents(schema, 1);
        await schema.write('update core_course set total_enrollments = 9', []);
        let recounting: Promise<unknown> | undefined;
        await schema.em().transactional(async writer => {
          writer.create(Enrollment, { course: second!, student: student! });
          await writer.flush();
          recounting = schema
            .em()
            .transactional(em => recountRows(em as never, Course, [[first], [second], [third]]), { isolationLevel });
          await untilLockWaits(schema.database);
        });
        await recounting;
        expect(await countsOf(schema, second!)).toEqual([1, 1]);
        await expectExactSchool(schema);
      },
    );
  },
  engineServerKinds,
);

it('the pace of repairs grows while they are quick, follows a busy database, and starts again after a conflict', () => {
  const pace = new RepairPace();
  const sizeAfter = (milliseconds: number, tries = 1): number => {
    pace.took(milliseconds, pace.rowsOf(1), tries);
    return pace.rowsOf(1);
  };
  expect(pace.rowsOf(1)).toBe(1);
  expect([sizeAfter(10), sizeAfter(10), sizeAfter(50)]).toEqual([4, 16, 32]);
  expect(pace.rowsOf(2)).toBe(1);
  expect(sizeAfter(400)).toBe(8);
  expect(sizeAfter(10, 2)).toBe(1);
  expect([sizeAfter(300), sizeAfter(400), sizeAfter(600)]).toEqual([2, 3, 3]);
  for (let round = 0; round < 10; round += 1) sizeAfter(1);
  expect(pace.rowsOf(1)).toBe(200);
  pace.took(1, 3, 1);
  expect(pace.rowsOf(1)).toBe(200);
});
