import { expect, it, onTestFinished } from 'vitest';
import { Course, Enrollment, EnrollmentStatus, User } from '../../../src/entities/index.js';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { rollBackIfOpen, useSchema } from '../../support/schema.js';
import { addCourses, addStudents, countsOf, enroll, expectExactSchool, school } from '../models/school.js';

/** More than the 20 connections of a pool. */
const MANY = 25;

describeOnEngineDatabases('a flush that fails', kind => {
  const schema = useSchema(kind, school);

  it('a flush that fails at the counted row leaves everything unchanged', async () => {
    const [course, other] = await addCourses(schema, 2);
    const [one, two] = await addStudents(schema, 2);
    await enroll(schema, course!, one!);
    const em = schema.em();
    em.create(Enrollment, { course: other!, student: two! });
    em.create(Enrollment, { course: course!, student: one! });
    await expect(em.flush()).rejects.toThrow(/unique|duplicate/i);
    expect([await countsOf(schema, course!), await countsOf(schema, other!)]).toEqual([
      [1, 1],
      [0, 0],
    ]);
    await expectExactSchool(schema);
  });

  it('a flush that fails at another row leaves everything unchanged', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const em = schema.em();
    em.create(Enrollment, { course: course!, student: student! });
    em.create(User, { name: 'Twin', email: 's0@example.org' });
    await expect(em.flush()).rejects.toThrow(/unique|duplicate/i);
    expect(await countsOf(schema, course!)).toEqual([0, 0]);
    await expectExactSchool(schema);
  });

  it(`the connection stays usable after the database rejects a flush ${MANY} times`, async () => {
    const [course] = await addCourses(schema, 1);
    const [one, two] = await addStudents(schema, 2);
    await enroll(schema, course!, one!);
    for (let time = 0; time < MANY; time++)
      await expect(enroll(schema, course!, one!)).rejects.toThrow(/unique|duplicate/i);
    await enroll(schema, course!, two!);
    expect(await countsOf(schema, course!)).toEqual([2, 2]);
    await expectExactSchool(schema);
  });

  it(`the connection stays usable after the counters reject a flush ${MANY} times`, async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    for (let time = 0; time < MANY; time++)
      await expect(enroll(schema, 999_999, student!)).rejects.toMatchObject({ code: 'COUNTER_TARGET_MISSING' });
    await enroll(schema, course!, student!);
    await expectExactSchool(schema);
  });

  it(`the connection stays usable after flushes fail ${MANY} times in explicit transactions`, async () => {
    const [course] = await addCourses(schema, 1);
    const [one, two] = await addStudents(schema, 2);
    await enroll(schema, course!, one!);
    for (let time = 0; time < MANY; time++) {
      const target = time % 2 ? course! : 999_999;
      await expect(
        schema.em().transactional(async em => void em.create(Enrollment, { course: target, student: one! })),
      ).rejects.toThrow();
    }
    await schema.em().transactional(async em => void em.create(Enrollment, { course: course!, student: two! }));
    expect(await countsOf(schema, course!)).toEqual([2, 2]);
    await expectExactSchool(schema);
  });

  it('many flushes that fail at once leave the connections usable', async () => {
    const [course] = await addCourses(schema, 1);
    const [one, two] = await addStudents(schema, 2);
    await enroll(schema, course!, one!);
    const results = await Promise.allSettled(Array.from({ length: MANY }, () => enroll(schema, course!, one!)));
    expect(results.map(({ status }) => status)).toEqual(results.map(() => 'rejected'));
    await enroll(schema, course!, two!);
    expect(await countsOf(schema, course!)).toEqual([2, 2]);
    await expectExactSchool(schema);
  });

  it('a failed flush that the same entity manager tries again counts once', async () => {
    const [course] = await addCourses(schema, 1);
    const [one, two] = await addStudents(schema, 2);
    await enroll(schema, course!, one!);
    const em = schema.em();
    const enrollment = em.create(Enrollment, { course: course!, student: one! });
    await expect(em.flush()).rejects.toThrow(/unique|duplicate/i);
    em.assign(enrollment, { student: two! });
    await em.persist(enrollment).flush();
    expect(await countsOf(schema, course!)).toEqual([2, 2]);
    await expectExactSchool(schema);
  });

  it('a row whose change failed is changed by the next flush of the same entity manager', async () => {
    const [course, other] = await addCourses(schema, 2);
    const [one] = await addStudents(schema, 1);
    await enroll(schema, course!, one!);
    await enroll(schema, other!, one!);
    const em = schema.em();
    const enrollment = await em.findOneOrFail(Enrollment, { course: course! });
    em.assign(enrollment, { course: other! });
    await expect(em.flush()).rejects.toThrow(/unique|duplicate/i);
    em.assign(enrollment, { course: course!, status: EnrollmentStatus.DROPPED });
    await em.flush();
    expect(await countsOf(schema, course!)).toEqual([1, 0]);
    await expectExactSchool(schema);
  });

  it('a row of a missing target fails with COUNTER_TARGET_MISSING in a flush that inserts another target', async () => {
    const [student] = await addStudents(schema, 1);
    const em = schema.em();
    em.create(Course, { title: 'Another' });
    em.create(Enrollment, { course: 999_999, student: student! });
    await expect(em.flush()).rejects.toMatchObject({ code: 'COUNTER_TARGET_MISSING' });
    const again = schema.em();
    again.create(Course, { id: 999_998, title: 'Another' });
    again.create(Enrollment, { course: 999_999, student: student! });
    await expect(again.flush()).rejects.toMatchObject({ code: 'COUNTER_TARGET_MISSING' });
    await expectExactSchool(schema);
  });
});

describeOnEngineDatabases('a flush that fails in an explicit transaction and is caught there', kind => {
  const schema = useSchema(kind, school);

  it('a transaction whose failed flush was caught cannot be committed with a count but no row', async () => {
    const [course] = await addCourses(schema, 1);
    const [one] = await addStudents(schema, 1);
    await enroll(schema, course!, one!);
    const work = schema.em().transactional(async em => {
      em.create(Enrollment, { course: course!, student: one! });
      await em.flush().catch(() => undefined);
    });
    await work.catch((error: unknown) => expect(error).toMatchObject({ code: 'COUNTER_TRANSACTION' }));
    expect(await countsOf(schema, course!)).toEqual([1, 1]);
    await expectExactSchool(schema);
  });

  it('a transaction whose failed flush was caught cannot be committed after another flush that succeeds', async () => {
    const [course, other] = await addCourses(schema, 2);
    const [one, two] = await addStudents(schema, 2);
    await enroll(schema, course!, one!);
    const em = schema.em();
    await em.begin();
    onTestFinished(() => rollBackIfOpen(em));
    em.create(Enrollment, { course: course!, student: one! });
    await em.flush().catch(() => undefined);
    em.clear();
    em.create(Enrollment, { course: other!, student: two! });
    await em.commit().catch(() => em.rollback());
    await expectExactSchool(schema);
  });

  it('a transaction cannot be committed when the counters themselves failed between two courses', async () => {
    const [course] = await addCourses(schema, 1);
    const [one] = await addStudents(schema, 1);
    const work = schema.em().transactional(async em => {
      em.create(Enrollment, { course: course!, student: one! });
      em.create(Enrollment, { course: 999_999, student: one! });
      await em.flush().catch(() => undefined);
    });
    await work.catch((error: unknown) => expect(error).toMatchObject({ code: 'COUNTER_TRANSACTION' }));
    await expectExactSchool(schema);
  });

  it('a transaction whose failed flush was caught cannot be committed by its savepoint', async () => {
    const [course] = await addCourses(schema, 1);
    const [one, two] = await addStudents(schema, 2);
    await enroll(schema, course!, one!);
    await schema.em().transactional(async outer => {
      const nested = outer.transactional(
        async em => {
          em.create(Enrollment, { course: course!, student: one! });
          await em.flush().catch(() => undefined);
        },
        { clear: true },
      );
      await nested.catch((error: unknown) => expect(error).toMatchObject({ code: 'COUNTER_TRANSACTION' }));
      outer.create(Enrollment, { course: course!, student: two!, status: EnrollmentStatus.COMPLETED });
    });
    expect(await countsOf(schema, course!)).toEqual([2, 1]);
    await expectExactSchool(schema);
  });

  it('a transaction whose failed flush had counted nothing can be committed, where the database allows it', async () => {
    await addStudents(schema, 1);
    const work = schema.em().transactional(async em => {
      em.create(User, { name: 'Twin', email: 's0@example.org' });
      await em.flush().catch(() => em.clear());
      em.create(User, { name: 'Single', email: 'single@example.org' });
    });
    // PostgreSQL itself accepts nothing more in a transaction in which a statement has failed.
    if (kind === 'postgresql') await expect(work).rejects.toMatchObject({ code: '25P02' });
    else await work;
    expect(await schema.rows('select id from core_user')).toHaveLength(kind === 'postgresql' ? 1 : 2);
  });
});
