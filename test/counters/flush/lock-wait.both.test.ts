import { IsolationLevel, LockWaitTimeoutException } from '@mikro-orm/core';
import { expect, it } from 'vitest';
import { Enrollment } from '../../../src/entities/index.js';
import { describeOnEngineDatabases, engineServerKinds } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { addCourses, addStudents, countsOf, enroll, expectExactSchool, school } from '../models/school.js';

// SQLite has one writer: there a transaction waits before it begins.
describeOnEngineDatabases(
  'a course that another transaction has locked',
  kind => {
    const schema = useSchema(kind, school);
    const waitShortly = kind === 'postgresql' ? "set local lock_timeout = '50ms'" : 'set innodb_lock_wait_timeout = 1';
    const timedOut =
      kind === 'postgresql' ? expect.objectContaining({ code: '55P03' }) : expect.any(LockWaitTimeoutException);

    it('a flush that waits too long for a locked course fails with the error of MikroORM for it and changes nothing', async () => {
      const [course] = await addCourses(schema, 1);
      const [one, two] = await addStudents(schema, 2);
      const id = await enroll(schema, course!, one!);
      await schema.em().transactional(async holder => {
        await holder.execute('select id from core_course where id = ? for update', [course!]);
        for (const kindOfWork of ['create', 'remove']) {
          const work = schema.em().transactional(async em => {
            await em.execute(waitShortly);
            if (kindOfWork === 'create') em.create(Enrollment, { course: course!, student: two! });
            else em.remove(await em.findOneOrFail(Enrollment, id));
          });
          await expect(work).rejects.toEqual(timedOut);
        }
      });
      expect(await countsOf(schema, course!)).toEqual([1, 1]);
      await enroll(schema, course!, two!);
      expect(await countsOf(schema, course!)).toEqual([2, 2]);
      await expectExactSchool(schema);
    });

    it('a flush waits for a locked course and then counts on what the other transaction has committed', async () => {
      const [course] = await addCourses(schema, 1);
      const [one, two] = await addStudents(schema, 2);
      const id = await enroll(schema, course!, one!);
      const waiting = schema.em();
      const mine = await waiting.findOneOrFail(Enrollment, id);
      let flushed: Promise<void> | undefined;
      await schema.em().transactional(async holder => {
        holder.create(Enrollment, { course: course!, student: two! });
        await holder.flush();
        flushed = waiting.remove(mine).flush();
      });
      await flushed;
      expect(await countsOf(schema, course!)).toEqual([1, 1]);
      await expectExactSchool(schema);
    });

    // To find several rows, a server would read a table of a few rows as a whole.
    it.each([IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ])(
      'a flush into several courses of a small table waits for no other course (%s)',
      async isolationLevel => {
        const courses = await addCourses(schema, 8);
        const students = await addStudents(schema, 2);
        const isHeld = (index: number): boolean => index % 2 === 1 && index < 6;
        const free = courses.filter((_, index) => !isHeld(index));
        await schema.em().transactional(async holder => {
          for (const [index, course] of courses.entries())
            if (isHeld(index)) await holder.execute('select id from core_course where id = ? for update', [course]);
          for (const amounts of [
            [1, 1, 1, 1, 1],
            [1, 2, 1, 2, 1],
          ]) {
            const work = schema.em().transactional(
              async em => {
                await em.execute(waitShortly);
                for (const [index, course] of free.entries())
                  for (const student of students.slice(0, amounts[index])) em.create(Enrollment, { course, student });
                await em.flush();
                for (const enrollment of await em.find(Enrollment, {})) em.remove(enrollment);
              },
              { isolationLevel },
            );
            await expect(work).resolves.toBeUndefined();
          }
        });
        await expectExactSchool(schema);
      },
    );
  },
  engineServerKinds,
);
