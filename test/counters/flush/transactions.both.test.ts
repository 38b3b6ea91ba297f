import { FlushMode } from '@mikro-orm/core';
import { expect, it, onTestFinished } from 'vitest';
import { Course, Enrollment, EnrollmentStatus } from '../../../src/entities/index.js';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { rollBackIfOpen, useSchema } from '../../support/schema.js';
import { addCourses, addStudents, countsOf, enroll, expectExactSchool, school } from '../models/school.js';

describeOnEngineDatabases('counts in an explicit transaction', kind => {
  const schema = useSchema(kind, school);

  it('several flushes in one transaction add up', async () => {
    const [a, b] = await addCourses(schema, 2);
    const students = await addStudents(schema, 3);
    await schema.em().transactional(async em => {
      const enrollments = students.map(student => em.create(Enrollment, { course: a!, student }));
      await em.flush();
      em.assign(enrollments[0]!, { course: b! });
      await em.flush();
      enrollments[1]!.status = EnrollmentStatus.DROPPED;
      await em.flush();
      em.remove(enrollments[2]!);
      await em.flush();
    });
    expect([await countsOf(schema, a!), await countsOf(schema, b!)]).toEqual([
      [1, 0],
      [1, 1],
    ]);
    await expectExactSchool(schema);
  });

  it('a row that is created, changed and removed in three flushes leaves no count', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    await schema.em().transactional(async em => {
      const enrollment = em.create(Enrollment, { course: course!, student: student! });
      await em.flush();
      enrollment.status = EnrollmentStatus.DROPPED;
      await em.flush();
      em.remove(enrollment);
    });
    expect(await countsOf(schema, course!)).toEqual([0, 0]);
  });

  it('a flush that a query triggers counts too', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    await schema.em().transactional(
      async em => {
        em.create(Enrollment, { course: course!, student: student! });
        expect(await em.count(Enrollment, { course: course! })).toBe(1);
        expect((await em.findOneOrFail(Course, course!)).totalEnrollments).toBe(1);
      },
      { flushMode: FlushMode.AUTO },
    );
    await expectExactSchool(schema);
  });

  it('a transaction that fails leaves no count', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const work = schema.em().transactional(async em => {
      em.create(Enrollment, { course: course!, student: student! });
      await em.flush();
      throw new Error('changed my mind');
    });
    await expect(work).rejects.toThrow('changed my mind');
    expect(await countsOf(schema, course!)).toEqual([0, 0]);
    await expectExactSchool(schema);
  });

  it('beginning, flushing and committing by hand counts', async () => {
    const [course] = await addCourses(schema, 1);
    const [one, two] = await addStudents(schema, 2);
    const em = schema.em();
    await em.begin();
    onTestFinished(() => rollBackIfOpen(em));
    em.create(Enrollment, { course: course!, student: one! });
    await em.flush();
    em.create(Enrollment, { course: course!, student: two! });
    await em.commit();
    expect(await countsOf(schema, course!)).toEqual([2, 2]);
    await expectExactSchool(schema);
  });

  it('beginning, flushing and rolling back by hand leaves no count, and the entity manager goes on correctly', async () => {
    const [id] = await addCourses(schema, 1);
    const [one, two] = await addStudents(schema, 2);
    const em = schema.em();
    const course = await em.findOneOrFail(Course, id!);
    await em.begin();
    onTestFinished(() => rollBackIfOpen(em));
    em.create(Enrollment, { course, student: one! });
    await em.flush();
    await em.rollback();
    expect(await countsOf(schema, id!)).toEqual([0, 0]);
    em.create(Enrollment, { course, student: two! });
    await em.flush();
    expect(course.totalEnrollments).toBe(1);
    expect(await countsOf(schema, id!)).toEqual([1, 1]);
    await expectExactSchool(schema);
  });

  it('a fork that shares a transaction counts in it, and is undone with it', async () => {
    const [course] = await addCourses(schema, 1);
    const [one, two] = await addStudents(schema, 2);
    for (const fails of [true, false]) {
      const work = schema.em().transactional(async em => {
        em.create(Enrollment, { course: course!, student: one! });
        await em.flush();
        const fork = em.fork({ keepTransactionContext: true });
        fork.create(Enrollment, { course: course!, student: two! });
        await fork.flush();
        if (fails) throw new Error('changed my mind');
      });
      if (fails) await expect(work).rejects.toThrow('changed my mind');
      else await work;
      expect(await countsOf(schema, course!)).toEqual(fails ? [0, 0] : [2, 2]);
    }
    await expectExactSchool(schema);
  });

  it('a failed flush of a fork that shares a transaction keeps it from being committed', async () => {
    const [course] = await addCourses(schema, 1);
    const [one] = await addStudents(schema, 1);
    await enroll(schema, course!, one!);
    const work = schema.em().transactional(async em => {
      const fork = em.fork({ keepTransactionContext: true });
      fork.create(Enrollment, { course: course!, student: one! });
      await fork.flush().catch(() => undefined);
    });
    await expect(work).rejects.toMatchObject({ code: 'COUNTER_TRANSACTION' });
    expect(await countsOf(schema, course!)).toEqual([1, 1]);
    await expectExactSchool(schema);
  });

  it('two successive transactions of one entity manager both count', async () => {
    const [course] = await addCourses(schema, 1);
    const students = await addStudents(schema, 2);
    const em = schema.em();
    for (const student of students)
      await em.transactional(async inner => void inner.create(Enrollment, { course: course!, student }));
    expect(await countsOf(schema, course!)).toEqual([2, 2]);
  });

  it('a transaction sees its own counts before the commit', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    await schema.em().transactional(async em => {
      em.create(Enrollment, { course: course!, student: student! });
      await em.flush();
      const [row] = await em.execute<{ total: number }[]>(
        'select total_enrollments as total from core_course where id = ?',
        [course!],
      );
      expect(row!.total).toBe(1);
    });
  });

  it('entities that were loaded before a transaction can be removed in it', async () => {
    const [id] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const em = schema.em();
    const enrollment = await em.findOneOrFail(Enrollment, await enroll(schema, id!, student!), {
      populate: ['course'],
    });
    const course = enrollment.course.unwrap();
    await em.transactional(async inner => void inner.remove(enrollment));
    expect(course.totalEnrollments).toBe(0);
    expect(await countsOf(schema, id!)).toEqual([0, 0]);
  });
});
