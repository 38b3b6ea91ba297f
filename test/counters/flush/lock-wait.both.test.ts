import { LockWaitTimeoutException } from '@mikro-orm/core';
import { expect, it } from 'vitest';
import { Enrollment } from '../../../src/entities/index.js';
import { describeOnServers } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { addCourses, addStudents, countsOf, enroll, expectExactSchool, school } from '../models/school.js';

// SQLite has one writer: there a transaction waits before it begins.
describeOnServers('a course that another transaction has locked', kind => {
  const schema = useSchema(kind, school);

  it('a flush that waits too long for a locked course fails with the error of MikroORM for it and changes nothing', async () => {
    const [course] = await addCourses(schema, 1);
    const [one, two] = await addStudents(schema, 2);
    const id = await enroll(schema, course!, one!);
    await schema.em().transactional(async holder => {
      await holder.execute('select id from core_course where id = ? for update', [course!]);
      for (const kindOfWork of ['create', 'remove']) {
        const work = schema.em().transactional(async em => {
          await em.execute('set innodb_lock_wait_timeout = 1');
          if (kindOfWork === 'create') em.create(Enrollment, { course: course!, student: two! });
          else em.remove(await em.findOneOrFail(Enrollment, id));
        });
        await expect(work).rejects.toThrow(LockWaitTimeoutException);
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
});
