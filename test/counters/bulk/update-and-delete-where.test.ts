import { raw } from '@mikro-orm/core';
import { expect, it } from 'vitest';
import { deleteWhere, insertMany, updateWhere } from 'mikro-orm-counters';
import { Course, Enrollment, EnrollmentStatus } from '../../../src/entities/index.js';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { summarize, statementsOf } from '../../support/statements.js';
import { addBook, addShelves, Book, expectExactLibrary, library, shelfCount } from '../models/library.js';
import { addCourses, addStudents, countsOf, expectExactSchool, school } from '../models/school.js';

describeOnEngineDatabases('updateWhere and deleteWhere', kind => {
  const schema = useSchema(kind, school);
  const lock = kind === 'sqlite' ? 'select' : 'lock';

  async function seeded(courses: number, students: number): Promise<number[]> {
    const ids = await addCourses(schema, courses);
    const people = await addStudents(schema, students);
    await insertMany(
      schema.em(),
      Enrollment,
      ids.flatMap(course => people.map(student => ({ course, student }))),
    );
    return ids;
  }

  it('updateWhere() changes a condition of many rows by one UPDATE for the courses that get the same amounts', async () => {
    const courses = await seeded(3, 4);
    const statements = summarize(
      await statementsOf(schema.database, async () =>
        expect(
          await updateWhere(
            schema.em(),
            Enrollment,
            { course: courses.slice(0, 2) },
            { status: EnrollmentStatus.COMPLETED },
          ),
        ).toBe(8),
      ),
    );
    expect(statements.filter(gist => gist === 'update core_course')).toHaveLength(1);
    expect(statements.indexOf(`${lock} core_course`)).toBeLessThan(statements.indexOf('update core_course'));
    expect(await countsOf(schema, courses[0]!)).toEqual([4, 0]);
    await expectExactSchool(schema);
  });

  it('updateWhere() moves many rows to another course', async () => {
    const [from, to] = await seeded(1, 5).then(async ([id]) => [id!, (await addCourses(schema, 1))[0]!]);
    const em = schema.em();
    const loaded = await em.find(Course, {}, { orderBy: { id: 'asc' } });
    expect(await updateWhere(em, Enrollment, { course: from! }, { course: to! })).toBe(5);
    expect([await countsOf(schema, from!), await countsOf(schema, to!)]).toEqual([
      [0, 0],
      [5, 5],
    ]);
    expect(loaded.map(({ totalEnrollments }) => totalEnrollments)).toEqual([0, 5]);
    await expectExactSchool(schema);
  });

  it('deleteWhere() deletes many rows', async () => {
    const courses = await seeded(3, 4);
    const em = schema.em();
    const loaded = await em.findOneOrFail(Course, courses[0]!);
    expect(await deleteWhere(em, Enrollment, { course: { $in: [courses[0]!, courses[2]!] } })).toBe(8);
    expect(await Promise.all(courses.map(id => countsOf(schema, id)))).toEqual([
      [0, 0],
      [4, 4],
      [0, 0],
    ]);
    expect(loaded.totalEnrollments).toBe(0);
    await expectExactSchool(schema);
  });

  it('updateWhere() and deleteWhere() choose rows by their relations', async () => {
    const [course] = await seeded(2, 3);
    expect(
      await updateWhere(
        schema.em(),
        Enrollment,
        { student: { email: 's1@example.org' } },
        { status: EnrollmentStatus.DROPPED },
      ),
    ).toBe(2);
    await expectExactSchool(schema);
    expect(
      await deleteWhere(schema.em(), Enrollment, { course: { title: 'Course 0' }, student: { name: 'Student 0' } }),
    ).toBe(1);
    expect(await countsOf(schema, course!)).toEqual([2, 1]);
    await expectExactSchool(schema);
  });

  it('updateWhere() and deleteWhere() that match no row change nothing', async () => {
    const [course] = await seeded(1, 2);
    expect(
      await updateWhere(
        schema.em(),
        Enrollment,
        { status: EnrollmentStatus.SUSPENDED },
        { status: EnrollmentStatus.DROPPED },
      ),
    ).toBe(0);
    expect(await deleteWhere(schema.em(), Enrollment, { id: 999_999 })).toBe(0);
    expect(await countsOf(schema, course!)).toEqual([2, 2]);
    await expectExactSchool(schema);
  });

  it('updateWhere() of columns that no counter watches changes no count', async () => {
    const [course] = await seeded(1, 2);
    const statements = summarize(
      await statementsOf(schema.database, () =>
        updateWhere(schema.em(), Enrollment, { course: course! }, { enrolledAt: new Date(0) }),
      ),
    );
    expect(statements).not.toContain('update core_course');
    expect(await schema.em().count(Enrollment, { enrolledAt: new Date(0) })).toBe(2);
    await expectExactSchool(schema);
  });

  it('updateWhere() sets the time of change as saving an entity does', async () => {
    const [course] = await seeded(1, 1);
    await schema.em().nativeUpdate(Enrollment, {}, { updatedAt: new Date(0) });
    await updateWhere(schema.em(), Enrollment, { course: course! }, { status: EnrollmentStatus.DROPPED });
    const [row] = await schema.em().find(Enrollment, {});
    expect(row!.updatedAt.getTime()).toBeGreaterThan(0);
  });

  it('updateWhere() and deleteWhere() take part in an open transaction', async () => {
    const [course] = await seeded(1, 4);
    const work = schema.em().transactional(async em => {
      await updateWhere(em as never, Enrollment, { course: course! }, { status: EnrollmentStatus.DROPPED });
      await deleteWhere(em as never, Enrollment, { student: { email: 's0@example.org' } });
      throw new Error('changed my mind');
    });
    await expect(work).rejects.toThrow('changed my mind');
    expect(await countsOf(schema, course!)).toEqual([4, 4]);
    await schema.em().transactional(async em => {
      await updateWhere(em as never, Enrollment, { course: course! }, { status: EnrollmentStatus.DROPPED });
      await deleteWhere(em as never, Enrollment, { student: { email: 's0@example.org' } });
    });
    expect(await countsOf(schema, course!)).toEqual([3, 0]);
    await expectExactSchool(schema);
  });

  it('updateWhere() that causes a duplicate rolls back completely, alone and caught in an open transaction', async () => {
    const [from, to] = await seeded(2, 2);
    await expect(updateWhere(schema.em(), Enrollment, { course: from! }, { course: to! })).rejects.toThrow(
      /unique|duplicate/i,
    );
    await expectExactSchool(schema);
    await schema.em().transactional(async em => {
      await expect(updateWhere(em as never, Enrollment, { course: from! }, { course: to! })).rejects.toThrow(
        /unique|duplicate/i,
      );
    });
    expect([await countsOf(schema, from!), await countsOf(schema, to!)]).toEqual([
      [2, 2],
      [2, 2],
    ]);
    await expectExactSchool(schema);
  });

  it('updateWhere() to a missing course is rejected and changes nothing', async () => {
    const [course] = await seeded(1, 2);
    await expect(updateWhere(schema.em(), Enrollment, { course: course! }, { course: 999_999 })).rejects.toMatchObject({
      code: 'COUNTER_TARGET_MISSING',
    });
    expect(await countsOf(schema, course!)).toEqual([2, 2]);
    await expectExactSchool(schema);
  });

  it('updateWhere() by a column name or an SQL fragment counts exactly or is rejected', async () => {
    const [from, to] = await seeded(1, 3).then(async ([id]) => [id!, (await addCourses(schema, 1))[0]!]);
    await updateWhere(schema.em(), Enrollment, { course: from! }, { course_id: to! } as never).catch((error: unknown) =>
      expect(error).toMatchObject({ name: 'CounterError' }),
    );
    await expectExactSchool(schema);
    await updateWhere(schema.em(), Enrollment, { course: from! }, { status: raw("'dropped'") }).catch(
      (error: unknown) => expect(error).toMatchObject({ name: 'CounterError' }),
    );
    await expectExactSchool(schema);
  });

  it('updateWhere() and deleteWhere() of 5,000 rows in 50 courses update all courses by one UPDATE', async () => {
    const courses = await seeded(50, 100);
    for (const work of [
      () => updateWhere(schema.em(), Enrollment, { course: courses }, { status: EnrollmentStatus.COMPLETED }),
      () => deleteWhere(schema.em(), Enrollment, { course: courses }),
    ]) {
      const statements = summarize(await statementsOf(schema.database, async () => expect(await work()).toBe(5000)));
      expect(statements.filter(gist => gist === 'update core_course')).toHaveLength(1);
      await expectExactSchool(schema);
    }
  });

  it('updateWhere() and deleteWhere() handle more targets than one statement names', async () => {
    const courses = await seeded(1100, 1);
    expect(
      await updateWhere(schema.em(), Enrollment, { course: courses }, { status: EnrollmentStatus.COMPLETED }),
    ).toBe(1100);
    await expectExactSchool(schema);
    expect(await deleteWhere(schema.em(), Enrollment, {})).toBe(1100);
    await expectExactSchool(schema);
  });
});

describeOnEngineDatabases('updateWhere and deleteWhere with null foreign keys', kind => {
  const schema = useSchema(kind, library);

  it('updateWhere() gives rows a target and takes it away, and deleteWhere() deletes rows without one', async () => {
    const [shelf] = await addShelves(schema, 1);
    for (const lent of [true, false, false]) await addBook(schema, null, { lent });
    expect(await updateWhere(schema.em(), Book, { shelf: null }, { shelf: shelf! })).toBe(3);
    expect([await shelfCount(schema, shelf!), await shelfCount(schema, shelf!, 'lent_count')]).toEqual([3, 1]);
    await expectExactLibrary(schema);
    expect(await updateWhere(schema.em(), Book, { lent: true }, { shelf: null })).toBe(1);
    await expectExactLibrary(schema);
    expect(await deleteWhere(schema.em(), Book, {})).toBe(3);
    await expectExactLibrary(schema);
  });

  it('updateWhere() leaves undefined values alone', async () => {
    const [shelf] = await addShelves(schema, 1);
    await addBook(schema, shelf!);
    expect(await updateWhere(schema.em(), Book, {}, { shelf: undefined, lent: true })).toBe(1);
    expect([await shelfCount(schema, shelf!), await shelfCount(schema, shelf!, 'lent_count')]).toEqual([1, 1]);
    await expectExactLibrary(schema);
  });

  it('updateWhere() changes several conditions at once', async () => {
    const [from, to] = await addShelves(schema, 2);
    for (const pages of [1, 5, null]) await addBook(schema, from!, { pages });
    expect(
      await updateWhere(
        schema.em(),
        Book,
        { $or: [{ pages: 5 }, { pages: null }] },
        { shelf: to!, pages: 3, lent: true },
      ),
    ).toBe(2);
    expect([await shelfCount(schema, from!, 'short_count'), await shelfCount(schema, to!, 'short_count')]).toEqual([
      1, 2,
    ]);
    await expectExactLibrary(schema);
  });
});
