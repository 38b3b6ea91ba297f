import { IsolationLevel } from '@mikro-orm/core';
import { expect, it } from 'vitest';
import { adjust, recount } from 'mikro-orm-counters';
import { Course, Enrollment, EnrollmentStatus } from '../../../src/entities/index.js';
import { describeOnEngineDatabases, engineServerKinds } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { untilLockWaits } from '../../support/lock-waits.js';
import { statementsOf } from '../../support/statements.js';
import { addCourses, addStudents, countsOf, enroll, expectExactSchool, school } from '../models/school.js';

describeOnEngineDatabases('a recount', kind => {
  const schema = useSchema(kind, school);

  async function drifting() {
    const [course, other] = await addCourses(schema, 2);
    const students = await addStudents(schema, 4);
    await enroll(schema, course!, students[0]!);
    await enroll(schema, course!, students[1]!, EnrollmentStatus.DROPPED);
    await enroll(schema, other!, students[0]!);
    await schema.write('update core_course set total_enrollments = 9, active_enrollments = 8 where id = ?', [course!]);
    return { course: course!, other: other!, students };
  }

  it('a recount writes the actual counts and reports each change, before and after', async () => {
    const { course } = await drifting();
    const changes = await schema.em().transactional(em => recount(em as never, Course, [course]));
    expect(changes).toEqual([
      { counter: 'Course.totalEnrollments', key: [course], before: 9, after: 2 },
      { counter: 'Course.activeEnrollments', key: [course], before: 8, after: 1 },
    ]);
    expect(await countsOf(schema, course)).toEqual([2, 1]);
    await expectExactSchool(schema);
  });

  it('a recount reports nothing for a counter that was right', async () => {
    const { course } = await drifting();
    await schema.write('update core_course set total_enrollments = 2 where id = ?', [course]);
    const changes = await schema.em().transactional(em => recount(em as never, Course, [course]));
    expect(changes!.map(({ counter }) => counter)).toEqual(['Course.activeEnrollments']);
    expect(await schema.em().transactional(em => recount(em as never, Course, [course]))).toEqual([]);
  });

  it('a recount of a missing row returns null', async () => {
    expect(await schema.em().transactional(em => recount(em as never, Course, [123]))).toBeNull();
  });

  it('a recount shows a loaded entity its new counts, and the entity is not dirty', async () => {
    const { course } = await drifting();
    await schema.em().transactional(async em => {
      const loaded = await em.findOneOrFail(Course, course);
      expect(loaded.totalEnrollments).toBe(9);
      await recount(em, Course, [course]);
      expect([loaded.totalEnrollments, loaded.activeEnrollments]).toEqual([2, 1]);
      expect(await statementsOf(schema.database, () => em.flush())).toEqual([]);
    });
  });

  it('a recount changes no other row, and no other column of its row', async () => {
    const { course, other } = await drifting();
    await schema.write('update core_course set total_enrollments = 5 where id = ?', [other]);
    const before = await schema.rows('select id, title, status, created_at, updated_at from core_course order by id');
    await schema.em().transactional(em => recount(em as never, Course, [course]));
    expect(await countsOf(schema, other)).toEqual([5, 1]);
    expect(await schema.rows('select id, title, status, created_at, updated_at from core_course order by id')).toEqual(
      before,
    );
  });

  it('a recount counts what its own transaction has written, and is undone with it', async () => {
    const { course, students } = await drifting();
    const work = schema.em().transactional(async em => {
      em.create(Enrollment, { course, student: students[2]! });
      await em.flush();
      expect((await recount(em as never, Course, [course]))!.map(({ after }) => after)).toEqual([3, 2]);
      throw new Error('No.');
    });
    await expect(work).rejects.toThrow('No.');
    expect(await countsOf(schema, course)).toEqual([9, 8]);
  });

  it('a recount without an open transaction throws COUNTER_TRANSACTION', async () => {
    const { course } = await drifting();
    await expect(recount(schema.em(), Course, [course])).rejects.toMatchObject({ code: 'COUNTER_TRANSACTION' });
    await expect(adjust(schema.em(), Course, [course], {})).rejects.toMatchObject({ code: 'COUNTER_TRANSACTION' });
    expect(await countsOf(schema, course)).toEqual([9, 8]);
  });

  it('a recount leaves a count from which writers go on', async () => {
    const { course, students } = await drifting();
    await schema.em().transactional(em => recount(em as never, Course, [course]));
    await enroll(schema, course, students[2]!);
    expect(await countsOf(schema, course)).toEqual([3, 2]);
    await expectExactSchool(schema);
  });
});

// SQLite has one writer at a time: nobody can write between this transaction's first read and its end.
describeOnEngineDatabases(
  'a recount beside other transactions',
  kind => {
    const schema = useSchema(kind, school);
    // PostgreSQL refuses the others here, as flush/isolation.test.ts shows.
    const levels =
      kind === 'postgresql'
        ? [IsolationLevel.READ_COMMITTED]
        : [IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE];

    // A serializable read locks what it reads: then nobody can write in between.
    it.each(levels.slice(0, 2))(
      'a recount counts what another transaction has committed after our first read (%s)',
      async isolationLevel => {
        const [course] = await addCourses(schema, 1);
        const students = await addStudents(schema, 3);
        await enroll(schema, course!, students[0]!);
        await schema.write('update core_course set total_enrollments = 9 where id = ?', [course!]);
        await schema.em().transactional(
          async em => {
            await em.execute('select count(*) from core_enrollments');
            await enroll(schema, course!, students[1]!);
            await schema.write(
              `insert into core_enrollments (course_id, student_id, status, enrolled_at, updated_at) values (?, ?, 'active', now(), now())`,
              [course, students[2]!],
            );
            const changes = await recount(em, Course, [course!]);
            expect(changes!.map(({ counter, before, after }) => [counter, before, after])).toEqual([
              ['Course.totalEnrollments', 10, 3],
              ['Course.activeEnrollments', 2, 3],
            ]);
          },
          { isolationLevel },
        );
        expect(await countsOf(schema, course!)).toEqual([3, 3]);
        await expectExactSchool(schema);
      },
    );

    it.each(levels)(
      'a recount counts what a writer commits while the recount waits for it (%s)',
      async isolationLevel => {
        const [course] = await addCourses(schema, 1);
        const students = await addStudents(schema, 2);
        await enroll(schema, course!, students[0]!);
        await schema.write('update core_course set total_enrollments = 9 where id = ?', [course!]);
        let recounting: Promise<unknown> | undefined;
        await schema.em().transactional(async writer => {
          writer.create(Enrollment, { course: course!, student: students[1]! });
          await writer.flush();
          recounting = schema.em().transactional(em => recount(em as never, Course, [course!]), { isolationLevel });
          await untilLockWaits(schema.database);
        });
        expect(await recounting).toEqual([{ counter: 'Course.totalEnrollments', key: [course], before: 10, after: 2 }]);
        await expectExactSchool(schema);
      },
    );

    it('a recount locks no counted row, so that it waits for nobody who holds one (READ COMMITTED)', async () => {
      const [course] = await addCourses(schema, 1);
      const [student] = await addStudents(schema, 1);
      await enroll(schema, course!, student!);
      await schema.write('update core_course set total_enrollments = 9 where id = ?', [course!]);
      await schema.em().transactional(async holder => {
        await holder.execute('select id from core_enrollments for update');
        expect(await schema.em().transactional(em => recount(em as never, Course, [course!]))).toHaveLength(1);
      });
      await expectExactSchool(schema);
    });
  },
  engineServerKinds,
);
