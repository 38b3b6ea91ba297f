import { DeadlockException, IsolationLevel } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { expect, it } from 'vitest';
import { deleteWhere, recount, updateWhere } from 'mikro-orm-counters';
import { Course, Enrollment, EnrollmentStatus } from '../../../src/entities/index.js';
import { describeOnEngineDatabases, engineServerKinds } from '../../support/databases.js';
import { useSchema, type Schema } from '../../support/schema.js';
import { addCourses, addStudents, countsOf, enroll, expectExactSchool, school } from '../models/school.js';

/** Returns two courses, four students, and two enrollments in the first course. */
async function seededIn(schema: Schema) {
  const [here, there] = await addCourses(schema, 2);
  const students = await addStudents(schema, 4);
  const ids = [await enroll(schema, here!, students[0]!), await enroll(schema, here!, students[1]!)];
  return { here: here!, there: there!, students, ids };
}

// SQLite has one writer at a time: nobody can write between this transaction's first read and its end.
describeOnEngineDatabases(
  'commits of another transaction after our first read',
  kind => {
    const schema = useSchema(kind, school);
    const seeded = () => seededIn(schema);
    // PostgreSQL refuses to change what was committed after the first read of a REPEATABLE READ: see below.
    const levels = [IsolationLevel.READ_COMMITTED, ...(kind === 'postgresql' ? [] : [IsolationLevel.REPEATABLE_READ])];

    it.each(levels)(
      'a row that another transaction commits after our first read is counted together with our create (%s)',
      async isolationLevel => {
        const { here, students } = await seeded();
        await schema.em().transactional(
          async em => {
            const course = await em.findOneOrFail(Course, here);
            await enroll(schema, here, students[2]!);
            em.create(Enrollment, { course, student: students[3]! });
            await em.flush();
            expect([course.totalEnrollments, course.activeEnrollments]).toEqual([4, 4]);
          },
          { isolationLevel },
        );
        expect(await countsOf(schema, here)).toEqual([4, 4]);
        await expectExactSchool(schema);
      },
    );

    it.each(levels)(
      'a row that another transaction commits is counted together with our create into a course that we have not loaded (%s)',
      async isolationLevel => {
        const { here, there, students } = await seeded();
        await schema.em().transactional(
          async em => {
            await em.findOneOrFail(Course, there);
            await enroll(schema, here, students[2]!);
            em.create(Enrollment, { course: here, student: students[3]! });
          },
          { isolationLevel },
        );
        expect(await countsOf(schema, here)).toEqual([4, 4]);
        await expectExactSchool(schema);
      },
    );

    it.each(levels)(
      'a row that another transaction and ours both remove is decremented once (%s)',
      async isolationLevel => {
        const { here, ids } = await seeded();
        await schema.em().transactional(
          async em => {
            const mine = await em.findOneOrFail(Enrollment, ids[0]!);
            const other = schema.em();
            await other.remove(await other.findOneOrFail(Enrollment, ids[0]!)).flush();
            em.remove(mine);
          },
          { isolationLevel },
        );
        expect(await countsOf(schema, here)).toEqual([1, 1]);
        await expectExactSchool(schema);
      },
    );

    it.each(levels)(
      'a row that another transaction drops is not decremented again by our removal (%s)',
      async isolationLevel => {
        const { here, ids } = await seeded();
        await schema.em().transactional(
          async em => {
            const mine = await em.findOneOrFail(Enrollment, ids[0]!);
            const other = schema.em();
            (await other.findOneOrFail(Enrollment, ids[0]!)).status = EnrollmentStatus.DROPPED;
            await other.flush();
            em.remove(mine);
          },
          { isolationLevel },
        );
        expect(await countsOf(schema, here)).toEqual([1, 1]);
        await expectExactSchool(schema);
      },
    );

    it.each(levels)(
      'a row that another transaction moves makes our change fail with COUNTER_CONFLICT, by entity and by reference (%s)',
      async isolationLevel => {
        const { here, there, ids } = await seeded();
        for (const [index, way] of ['entity', 'reference'].entries()) {
          const work = schema.em().transactional(
            async em => {
              const mine = await em.findOneOrFail(Enrollment, ids[index]!);
              const other = schema.em();
              other.assign(await other.findOneOrFail(Enrollment, ids[index]!), { course: there });
              await other.flush();
              if (way === 'reference') em.clear();
              em.remove(way === 'entity' ? mine : em.getReference(Enrollment, ids[index]!));
            },
            { isolationLevel },
          );
          const outcome = await work.then(
            () => undefined,
            (error: unknown) => error,
          );
          // By reference the row is looked up anew: READ COMMITTED finds where it is now.
          if (outcome || way === 'entity') expect(outcome).toMatchObject({ code: 'COUNTER_CONFLICT', retryable: true });
          await expectExactSchool(schema);
        }
        expect((await countsOf(schema, here))[0]).toBe(0);
      },
    );

    it.each(levels)(
      'bulk writes see what another transaction has committed, or are rejected with COUNTER_CONFLICT (%s)',
      async isolationLevel => {
        const { here, there, students } = await seeded();
        const inBetween = async () => {
          await enroll(schema, here, students[2]!);
          await enroll(schema, there, students[3]!);
        };
        const work = schema.em().transactional(
          async em => {
            await em.find(Enrollment, {});
            await inBetween();
            await updateWhere(em as never, Enrollment, {}, { status: EnrollmentStatus.DROPPED });
            await deleteWhere(em as never, Enrollment, { course: here });
          },
          { isolationLevel },
        );
        await work.catch(error => expect(error).toMatchObject({ code: 'COUNTER_CONFLICT', retryable: true }));
        await expectExactSchool(schema);
      },
    );
  },
  engineServerKinds,
);

describeOnEngineDatabases(
  'a transaction with one snapshot',
  kind => {
    const schema = useSchema(kind, school);
    type Seeds = Awaited<ReturnType<typeof seededIn>>;

    /** The ways to count into a course that another transaction has changed since the snapshot. */
    const ways: [name: string, write: (em: SqlEntityManager, seeds: Seeds) => Promise<unknown>][] = [
      [
        'creates a row in it',
        (em, { here, students }) => em.persist(em.create(Enrollment, { course: here, student: students[3]! })).flush(),
      ],
      ['removes a row of it', async (em, { ids }) => em.remove(await em.findOneOrFail(Enrollment, ids[0]!)).flush()],
      [
        'moves a row away from it',
        async (em, { ids, there }) => {
          em.assign(await em.findOneOrFail(Enrollment, ids[0]!), { course: there });
          await em.flush();
        },
      ],
      [
        'updates its rows',
        (em, { here }) => updateWhere(em, Enrollment, { course: here }, { status: EnrollmentStatus.DROPPED }),
      ],
      ['deletes its rows', (em, { here }) => deleteWhere(em, Enrollment, { course: here })],
      ['recounts it', (em, { here }) => recount(em, Course, [here])],
    ];
    const levels = [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE];

    it.each(ways.flatMap(([name, write]) => levels.map(isolationLevel => ({ name, write, isolationLevel }))))(
      'a transaction that $name fails after another one has changed the course, and counts exactly when it is run again ($isolationLevel)',
      async ({ write, isolationLevel }) => {
        const seeds = await seededIn(schema);
        let runs = 0;
        const run = () =>
          schema.em().transactional(
            async em => {
              runs += 1;
              await em.find(Course, {});
              if (runs === 1) await enroll(schema, seeds.here, seeds.students[2]!);
              await write(em, seeds);
            },
            { isolationLevel },
          );
        const failed = await run().then(
          () => undefined,
          (error: unknown) => error,
        );
        expect(failed).toBeInstanceOf(DeadlockException);
        expect(failed).toMatchObject({ code: '40001' });
        await expectExactSchool(schema);
        expect(await countsOf(schema, seeds.here)).toEqual([3, 3]);
        await run();
        await expectExactSchool(schema);
      },
    );
  },
  ['postgresql'],
);

describeOnEngineDatabases('two flushes at the same time', kind => {
  const schema = useSchema(kind, school);

  it('two simultaneous flushes into one course both count', async () => {
    const [course] = await addCourses(schema, 1);
    const students = await addStudents(schema, 20);
    await Promise.all(students.map(student => enroll(schema, course!, student)));
    expect(await countsOf(schema, course!)).toEqual([20, 20]);
    await expectExactSchool(schema);
  });

  it('two simultaneous flushes that remove the same row decrement the count once', async () => {
    const [course] = await addCourses(schema, 1);
    const [one, two] = await addStudents(schema, 2);
    const id = await enroll(schema, course!, one!);
    await enroll(schema, course!, two!);
    const ems = Array.from({ length: 6 }, () => schema.em());
    for (const em of ems) em.remove(await em.findOneOrFail(Enrollment, id));
    await Promise.all(ems.map(em => em.flush()));
    expect(await countsOf(schema, course!)).toEqual([1, 1]);
    await expectExactSchool(schema);
  });

  it('two simultaneous flushes of one entity manager count once', async () => {
    const [course] = await addCourses(schema, 1);
    const [one, two] = await addStudents(schema, 2);
    const em = schema.em();
    em.create(Enrollment, { course: course!, student: one! });
    const first = em.flush();
    em.create(Enrollment, { course: course!, student: two! });
    await Promise.all([first, em.flush(), em.flush()]);
    await em.flush();
    expect((await countsOf(schema, course!))[0]).toBe(2);
    await expectExactSchool(schema);
  });
});
