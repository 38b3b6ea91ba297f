import { expect, it } from 'vitest';
import { insertMany } from 'mikro-orm-counters';
import { Course, Enrollment, EnrollmentStatus, User } from '../../../src/entities/index.js';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { summarize, statementsOf } from '../../support/statements.js';
import { addBoxes, expectExactLetters, Letter, letters } from '../models/letters.js';
import { Book, expectExactLibrary, Genre, library } from '../models/library.js';
import { addCourses, addStudents, countsOf, enroll, expectExactSchool, school } from '../models/school.js';

describeOnEngineDatabases('insertMany', kind => {
  const schema = useSchema(kind, school);

  it('insertMany() counts by summed deltas: one UPDATE for the courses that get the same amounts, then the INSERT', async () => {
    const courses = await addCourses(schema, 3);
    const students = await addStudents(schema, 4);
    const rows = courses.toReversed().flatMap(course =>
      students.map((student, index) => ({
        course,
        student,
        status: index ? EnrollmentStatus.ACTIVE : EnrollmentStatus.DROPPED,
      })),
    );
    const statements = await statementsOf(schema.database, async () =>
      expect(await insertMany(schema.em(), Enrollment, rows)).toBe(12),
    );
    const seen = summarize(statements).filter(gist => /^(update|insert)/.test(gist));
    expect(seen).toEqual(['update core_course', 'insert core_enrollments']);
    expect(statements.find(sql => sql.startsWith('update core_course'))).toContain(
      `where id in (${courses.join(', ')})`,
    );
    expect(await countsOf(schema, courses[0]!)).toEqual([4, 3]);
    await expectExactSchool(schema);
  });

  it('insertMany() fills in omitted properties as em.create() does', async () => {
    const [course] = await addCourses(schema, 1);
    const students = await addStudents(schema, 2);
    await insertMany(schema.em(), Enrollment, [{ course: course!, student: students[0]! }]);
    await enroll(schema, course!, students[1]!);
    const [bulk, single] = await schema.em().find(Enrollment, {}, { orderBy: { id: 'asc' } });
    expect(bulk!.status).toBe(EnrollmentStatus.ACTIVE);
    expect(Math.abs(bulk!.enrolledAt.getTime() - single!.enrolledAt.getTime())).toBeLessThan(60_000);
    expect(await countsOf(schema, course!)).toEqual([2, 2]);
  });

  it('insertMany() takes entities and references as relations', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const em = schema.em();
    await insertMany(em, Enrollment, [
      { course: em.getReference(Course, course!), student: em.getReference(User, student!, { wrapped: true }) },
    ]);
    expect(await countsOf(schema, course!)).toEqual([1, 1]);
    await expectExactSchool(schema);
  });

  it('insertMany() of no rows does nothing', async () => {
    expect(
      await statementsOf(schema.database, async () => expect(await insertMany(schema.em(), Enrollment, [])).toBe(0)),
    ).toEqual([]);
  });

  it('insertMany() takes part in an open transaction', async () => {
    const [course] = await addCourses(schema, 1);
    const [one, two] = await addStudents(schema, 2);
    const work = schema.em().transactional(async em => {
      await insertMany(em as never, Enrollment, [{ course: course!, student: one! }]);
      throw new Error('changed my mind');
    });
    await expect(work).rejects.toThrow('changed my mind');
    expect(await countsOf(schema, course!)).toEqual([0, 0]);
    await schema.em().transactional(async em => {
      em.create(Enrollment, { course: course!, student: one! });
      await em.flush();
      await insertMany(em as never, Enrollment, [{ course: course!, student: two! }]);
    });
    expect(await countsOf(schema, course!)).toEqual([2, 2]);
    await expectExactSchool(schema);
  });

  it('insertMany() shows the loaded target its true counts', async () => {
    const [id] = await addCourses(schema, 1);
    const [one, two] = await addStudents(schema, 2);
    const em = schema.em();
    const course = await em.findOneOrFail(Course, id!);
    await enroll(schema, id!, one!);
    await insertMany(em, Enrollment, [{ course: id!, student: two! }]);
    expect([course.totalEnrollments, course.activeEnrollments]).toEqual([2, 2]);
  });

  it('insertMany() with a duplicate writes nothing', async () => {
    const [course, other] = await addCourses(schema, 2);
    const [one, two] = await addStudents(schema, 2);
    await enroll(schema, course!, one!);
    const rows = [
      { course: other!, student: one! },
      { course: course!, student: two! },
      { course: course!, student: one! },
    ];
    await expect(insertMany(schema.em(), Enrollment, rows)).rejects.toThrow(/unique|duplicate/i);
    expect([await countsOf(schema, course!), await countsOf(schema, other!)]).toEqual([
      [1, 1],
      [0, 0],
    ]);
    await expectExactSchool(schema);
  });

  it('insertMany() with a duplicate that is caught in an open transaction leaves no count behind', async () => {
    const [course, other] = await addCourses(schema, 2);
    const [one, two] = await addStudents(schema, 2);
    await enroll(schema, course!, one!);
    await schema.em().transactional(async em => {
      await expect(
        insertMany(em as never, Enrollment, [
          { course: other!, student: two! },
          { course: course!, student: one! },
        ]),
      ).rejects.toThrow(/unique|duplicate/i);
      em.create(Enrollment, { course: course!, student: two! });
    });
    expect([await countsOf(schema, course!), await countsOf(schema, other!)]).toEqual([
      [2, 2],
      [0, 0],
    ]);
    await expectExactSchool(schema);
  });

  it('insertMany() into a missing course is rejected with COUNTER_TARGET_MISSING and writes nothing', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const rows = [course!, 999_999].map(id => ({ course: id, student: student! }));
    await expect(insertMany(schema.em(), Enrollment, rows)).rejects.toMatchObject({
      code: 'COUNTER_TARGET_MISSING',
      message: expect.stringContaining('999999'),
    });
    expect(await countsOf(schema, course!)).toEqual([0, 0]);
    await expectExactSchool(schema);
  });

  it('insertMany() of an entity that no counter counts is rejected with COUNTER_DECLARATION', async () => {
    await expect(insertMany(schema.em(), User, [])).rejects.toMatchObject({
      code: 'COUNTER_DECLARATION',
      message: expect.stringContaining('User'),
    });
  });

  it('insertMany() by column names writes nothing uncounted', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    await insertMany(schema.em(), Enrollment, [
      { course_id: course!, student_id: student!, status: EnrollmentStatus.ACTIVE } as never,
    ]).catch(() => undefined);
    await expectExactSchool(schema);
  });

  it('insertMany() of 5,000 rows into 50 courses, which get two different amounts, updates them by one UPDATE', async () => {
    const courses = await addCourses(schema, 50);
    const students = await addStudents(schema, 100);
    const rows = students.flatMap((student, index) =>
      courses.map(course => ({
        course,
        student,
        status: (index + course) % 3 ? EnrollmentStatus.ACTIVE : EnrollmentStatus.COMPLETED,
      })),
    );
    const statements = summarize(
      await statementsOf(schema.database, async () =>
        expect(await insertMany(schema.em(), Enrollment, rows)).toBe(5000),
      ),
    );
    expect(statements.filter(gist => gist === 'update core_course')).toHaveLength(1);
    expect(statements.lastIndexOf('update core_course')).toBeLessThan(statements.indexOf('insert core_enrollments'));
    await expectExactSchool(schema);
  });
});

describeOnEngineDatabases('insertMany with conditions', kind => {
  const schema = useSchema(kind, library);

  it('insertMany() counts rows by their values, and rows without a target nowhere', async () => {
    const em = schema.em();
    await em.execute(
      "insert into shelf (id, name, updated_at) values (1, 'One', '2026-01-01'), (2, 'Two', '2026-01-01')",
    );
    await insertMany(em, Book, [
      { title: 'A', shelf: 1, genre: Genre.NOVEL, lent: true, pages: 2 },
      { title: 'B', shelf: 2, genre: Genre.POEM },
      { title: 'C', shelf: 2 },
      { title: 'D', shelf: null, lent: true },
      { title: 'E' },
    ]);
    expect(
      await schema.rows(
        'select book_count as books, lent_novel_count as novels, verse_count as verses from shelf order by id',
      ),
    ).toEqual([
      { books: 1, novels: 1, verses: 0 },
      { books: 2, novels: 0, verses: 2 },
    ]);
    await expectExactLibrary(schema);
  });
});

describeOnEngineDatabases('insertMany with a default that only the database knows', kind => {
  const schema = useSchema(kind, letters);

  it('insertMany() of rows with a default that only the database knows counts exactly or is rejected', async () => {
    const [box] = await addBoxes(schema, 1);
    await insertMany(schema.em(), Letter, [{ box: box! }, { box: box! }] as never).catch((error: unknown) =>
      expect(error).toMatchObject({ name: 'CounterError', message: expect.stringContaining('postage') }),
    );
    await expectExactLetters(schema);
  });
});
