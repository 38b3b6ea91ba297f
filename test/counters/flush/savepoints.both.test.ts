import { expect, it } from 'vitest';
import { Course, Enrollment, EnrollmentStatus } from '../../../src/entities/index.js';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { addCourses, addStudents, countsOf, enroll, expectExactSchool, school } from '../models/school.js';

describeOnEngineDatabases('counts and savepoints', kind => {
  const schema = useSchema(kind, school);

  it('a nested transaction that succeeds counts with the outer one', async () => {
    const [course] = await addCourses(schema, 1);
    const [one, two] = await addStudents(schema, 2);
    await schema.em().transactional(async em => {
      em.create(Enrollment, { course: course!, student: one! });
      await em.flush();
      await em.transactional(async nested => void nested.create(Enrollment, { course: course!, student: two! }));
    });
    expect(await countsOf(schema, course!)).toEqual([2, 2]);
    await expectExactSchool(schema);
  });

  it('a nested transaction that fails and is caught leaves the counts of the outer one', async () => {
    const [course] = await addCourses(schema, 1);
    const [one, two, three] = await addStudents(schema, 3);
    await schema.em().transactional(
      async em => {
        em.create(Enrollment, { course: course!, student: one! });
        await em.flush();
        const nested = em.transactional(async inner => {
          inner.create(Enrollment, { course: course!, student: two! });
          await inner.flush();
          throw new Error('undone');
        });
        await expect(nested).rejects.toThrow('undone');
        em.create(Enrollment, { course: course!, student: three!, status: EnrollmentStatus.DROPPED });
      },
      { clear: true },
    );
    expect(await schema.rows('select id from core_enrollments')).toHaveLength(2);
    expect(await countsOf(schema, course!)).toEqual([2, 1]);
    await expectExactSchool(schema);
  });

  it('a nested transaction whose flush fails and is caught leaves the counts of the outer one', async () => {
    const [course] = await addCourses(schema, 1);
    const [one, two] = await addStudents(schema, 2);
    await enroll(schema, course!, one!);
    await schema.em().transactional(async em => {
      const nested = em.transactional(
        async inner => void inner.create(Enrollment, { course: course!, student: one! }),
        { clear: true },
      );
      await expect(nested).rejects.toThrow(/unique|duplicate/i);
      em.create(Enrollment, { course: course!, student: two! });
    });
    expect(await countsOf(schema, course!)).toEqual([2, 2]);
    await expectExactSchool(schema);
  });

  it('a loaded course shows the true counts after a nested failure and another flush', async () => {
    const [id] = await addCourses(schema, 1);
    const [one, two] = await addStudents(schema, 2);
    const parent = schema.em();
    const course = await parent.findOneOrFail(Course, id!);
    await parent.transactional(async em => {
      const nested = em.transactional(
        async inner => {
          inner.create(Enrollment, { course: inner.getReference(Course, id!), student: one! });
          await inner.flush();
          throw new Error('undone');
        },
        { clear: true },
      );
      await expect(nested).rejects.toThrow('undone');
      em.create(Enrollment, { course: id!, student: two! });
    });
    expect([course.totalEnrollments, course.activeEnrollments]).toEqual([1, 1]);
    await expectExactSchool(schema);
  });

  it('of three nested transactions, of which the middle one is undone, only what stays is counted', async () => {
    const [course] = await addCourses(schema, 1);
    const [one, two, three] = await addStudents(schema, 3);
    await schema.em().transactional(async outer => {
      outer.create(Enrollment, { course: course!, student: one! });
      await outer.flush();
      const middle = outer.transactional(
        async em => {
          em.create(Enrollment, { course: course!, student: two! });
          await em.flush();
          await em.transactional(async inner => void inner.create(Enrollment, { course: course!, student: three! }), {
            clear: true,
          });
          throw new Error('undone');
        },
        { clear: true },
      );
      await expect(middle).rejects.toThrow('undone');
    });
    expect(await countsOf(schema, course!)).toEqual([1, 1]);
    await expectExactSchool(schema);
  });

  it('a removal that a savepoint has undone can be repeated', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const id = await enroll(schema, course!, student!);
    await schema.em().transactional(async em => {
      for (const last of [false, true]) {
        const nested = em.transactional(
          async inner => {
            inner.remove(await inner.findOneOrFail(Enrollment, id));
            await inner.flush();
            if (!last) throw new Error('undone');
          },
          { clear: true },
        );
        if (!last) await expect(nested).rejects.toThrow('undone');
        else await nested;
      }
    });
    expect(await countsOf(schema, course!)).toEqual([0, 0]);
    await expectExactSchool(schema);
  });

  it('a nested transaction in which a fork failed to flush unnoticed keeps the outer one from being committed', async () => {
    const [course] = await addCourses(schema, 1);
    const [one, two] = await addStudents(schema, 2);
    await enroll(schema, course!, one!);
    const work = schema.em().transactional(outer =>
      outer.transactional(async middle =>
        middle.transactional(async inner => {
          const fork = inner.fork({ keepTransactionContext: true });
          for (const student of [one!, two!]) fork.create(Enrollment, { course: course!, student });
          await fork.flush().catch(() => undefined);
        }),
      ),
    );
    await expect(work).rejects.toMatchObject({ code: 'COUNTER_TRANSACTION' });
    expect(await countsOf(schema, course!)).toEqual([1, 1]);
    await expectExactSchool(schema);
  });

  it('rolling back a nested transaction in which a fork failed to flush lets the outer one commit', async () => {
    const [course] = await addCourses(schema, 1);
    const [one, two] = await addStudents(schema, 2);
    await enroll(schema, course!, one!);
    await schema.em().transactional(async outer => {
      const nested = outer.transactional(async inner => {
        const fork = inner.fork({ keepTransactionContext: true });
        fork.create(Enrollment, { course: course!, student: one! });
        await fork.flush();
      });
      await expect(nested).rejects.toThrow(/unique|duplicate/i);
      outer.create(Enrollment, { course: course!, student: two! });
    });
    expect(await countsOf(schema, course!)).toEqual([2, 2]);
    await expectExactSchool(schema);
  });
});
