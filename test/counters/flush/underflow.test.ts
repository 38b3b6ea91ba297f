import { expect, it } from 'vitest';
import { deleteWhere } from 'mikro-orm-counters';
import { Course, Enrollment, EnrollmentStatus } from '../../../src/entities/index.js';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { addCourses, addStudents, countsOf, enroll, expectExactSchool, school } from '../models/school.js';

describeOnEngineDatabases('a stored count that was made too low bypassing the counters', kind => {
  const schema = useSchema(kind, school);

  async function tooLow() {
    const [course] = await addCourses(schema, 1);
    const [student, other] = await addStudents(schema, 2);
    const id = await enroll(schema, course!, student!);
    await schema.write('update core_course set total_enrollments = 0 where id = ?', [course!]);
    return { course: course!, other: other!, id };
  }

  it('a stored count is not taken below 0: COUNTER_UNDERFLOW names the course, its counts and the change, and nothing is written', async () => {
    const { course, id } = await tooLow();
    const em = schema.em();
    const work = em.remove(await em.findOneOrFail(Enrollment, id)).flush();
    await expect(work).rejects.toMatchObject({
      code: 'COUNTER_UNDERFLOW',
      retryable: false,
      message: expect.stringMatching(
        new RegExp(`Course ${course} .*totalEnrollments = 0.*activeEnrollments = 1.*-1, -1.*Recount`),
      ),
    });
    expect(await countsOf(schema, course)).toEqual([0, 1]);
    expect(await schema.rows('select id from core_enrollments')).toEqual([{ id }]);
  });

  it('a stored count is not taken below 0 by bulk writes either', async () => {
    const { course } = await tooLow();
    await expect(deleteWhere(schema.em(), Enrollment, { course })).rejects.toMatchObject({ code: 'COUNTER_UNDERFLOW' });
    expect(await countsOf(schema, course)).toEqual([0, 1]);
    expect(await schema.rows('select id from core_enrollments')).toHaveLength(1);
  });

  it('of several courses that lose the same amounts, the one whose stored count is too low is named, and nothing is written', async () => {
    const courses = await addCourses(schema, 5);
    const [student] = await addStudents(schema, 1);
    for (const course of courses) await enroll(schema, course, student!);
    const low = courses[3]!;
    await schema.write('update core_course set total_enrollments = 0 where id = ?', [low]);
    const em = schema.em();
    for (const enrollment of await em.find(Enrollment, {})) em.remove(enrollment);
    const flushed = em.flush();
    const deleted = flushed.then(
      () => null,
      () => deleteWhere(schema.em(), Enrollment, {}),
    );
    const refusal = {
      code: 'COUNTER_UNDERFLOW',
      message: expect.stringMatching(
        new RegExp(`^Course ${low} stores .*totalEnrollments = 0.*activeEnrollments = 1.*-1, -1`),
      ),
    };
    await expect(flushed).rejects.toMatchObject(refusal);
    await expect(deleted).rejects.toMatchObject(refusal);
    for (const course of courses) expect(await countsOf(schema, course)).toEqual([course === low ? 0 : 1, 1]);
    expect(await schema.rows('select id from core_enrollments')).toHaveLength(5);
  });

  it('of several courses that lose different amounts, the one whose stored count is too low is named, and nothing is written', async () => {
    const courses = await addCourses(schema, 5);
    const students = await addStudents(schema, 2);
    for (const [index, course] of courses.entries())
      for (const student of students.slice(0, 1 + (index % 2))) await enroll(schema, course, student);
    const low = courses[3]!;
    await schema.write('update core_course set active_enrollments = 1 where id = ?', [low]);
    const before = await Promise.all(courses.map(course => countsOf(schema, course)));
    const em = schema.em();
    for (const enrollment of await em.find(Enrollment, {})) em.remove(enrollment);
    await expect(em.flush()).rejects.toMatchObject({
      code: 'COUNTER_UNDERFLOW',
      message: expect.stringMatching(
        new RegExp(`^Course ${low} stores .*totalEnrollments = 2.*activeEnrollments = 1.*-2, -2`),
      ),
    });
    expect(await Promise.all(courses.map(course => countsOf(schema, course)))).toEqual(before);
    expect(await schema.rows('select id from core_enrollments')).toHaveLength(7);
  });

  it('a course whose stored count is too low stops nobody who adds to it while others lose rows', async () => {
    const [low, other] = await addCourses(schema, 2);
    const [student, another] = await addStudents(schema, 2);
    const id = await enroll(schema, other!, student!);
    const em = schema.em();
    em.remove(await em.findOneOrFail(Enrollment, id));
    em.create(Enrollment, { course: low!, student: another! });
    em.create(Enrollment, { course: low!, student: student! });
    await em.flush();
    expect([await countsOf(schema, low!), await countsOf(schema, other!)]).toEqual([
      [2, 2],
      [0, 0],
    ]);
    await expectExactSchool(schema);
  });

  it('a stored count that is too low does not stop increments or unrelated changes', async () => {
    const { course, other, id } = await tooLow();
    await enroll(schema, course, other);
    const em = schema.em();
    (await em.findOneOrFail(Enrollment, id)).status = EnrollmentStatus.DROPPED;
    await em.flush();
    expect(await countsOf(schema, course)).toEqual([1, 1]);
  });

  it('a stored count that is too low allows the removal after a recount', async () => {
    const { course, id } = await tooLow();
    const em = schema.em();
    await expect(em.remove(await em.findOneOrFail(Enrollment, id)).flush()).rejects.toMatchObject({
      code: 'COUNTER_UNDERFLOW',
    });
    await schema.write('update core_course set total_enrollments = 1 where id = ?', [course]);
    const again = schema.em();
    await again.remove(await again.findOneOrFail(Enrollment, id)).flush();
    await expectExactSchool(schema);
  });
});

describeOnEngineDatabases('a missing target', kind => {
  const schema = useSchema(kind, school);

  it('creating a row of a missing target throws COUNTER_TARGET_MISSING, and nothing is written', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const em = schema.em();
    em.create(Enrollment, { course: course!, student: student! });
    em.create(Enrollment, { course: 999_999, student: student! });
    await expect(em.flush()).rejects.toMatchObject({
      code: 'COUNTER_TARGET_MISSING',
      retryable: false,
      message: expect.stringContaining('Course 999999'),
    });
    expect(await countsOf(schema, course!)).toEqual([0, 0]);
    expect(await schema.rows('select id from core_enrollments')).toEqual([]);
  });

  it.each([
    ['the same amounts', [1, 1, 1, 1, 1]],
    ['different amounts', [1, 2, 1, 2, 1]],
  ] as const)(
    'of several targets that get %s, the one that is missing is named, and nothing is written',
    async (_, amounts) => {
      const courses = await addCourses(schema, 4);
      const students = await addStudents(schema, 2);
      const em = schema.em();
      for (const [index, course] of [...courses, 999_999].entries())
        for (const student of students.slice(0, amounts[index])) em.create(Enrollment, { course, student });
      await expect(em.flush()).rejects.toMatchObject({
        code: 'COUNTER_TARGET_MISSING',
        message: expect.stringContaining('Course 999999'),
      });
      for (const course of courses) expect(await countsOf(schema, course)).toEqual([0, 0]);
      expect(await schema.rows('select id from core_enrollments')).toEqual([]);
    },
  );

  it('moving a row to a missing target throws COUNTER_TARGET_MISSING, and nothing is written', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const id = await enroll(schema, course!, student!);
    const em = schema.em();
    em.assign(await em.findOneOrFail(Enrollment, id), { course: 999_999 });
    await expect(em.flush()).rejects.toMatchObject({ code: 'COUNTER_TARGET_MISSING' });
    expect(await schema.rows('select course_id from core_enrollments')).toEqual([{ course_id: course }]);
    await expectExactSchool(schema);
  });

  it('creating a row of a target that was removed since it was loaded throws COUNTER_TARGET_MISSING', async () => {
    const [id] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const [em, other] = [schema.em(), schema.em()];
    const course = await em.findOneOrFail(Course, id!);
    await other.remove(await other.findOneOrFail(Course, id!)).flush();
    em.create(Enrollment, { course, student: student! });
    await expect(em.flush()).rejects.toMatchObject({ code: 'COUNTER_TARGET_MISSING' });
    expect(await schema.rows('select id from core_enrollments')).toEqual([]);
  });
});

describeOnEngineDatabases('an ORM without implicit transactions', kind => {
  const schema = useSchema(kind, { ...school, options: { implicitTransactions: false } });

  it('an ORM without implicit transactions rejects a flush outside a transaction with COUNTER_TRANSACTION, and counts inside one', async () => {
    const [course] = await schema.em().transactional(async em => [em.create(Course, { title: 'A course' })]);
    const em = schema.em();
    em.assign(course, { title: 'Renamed' });
    em.create(Course, { title: 'Another' });
    await expect(em.flush()).rejects.toMatchObject({
      code: 'COUNTER_TRANSACTION',
      message: expect.stringContaining('em.transactional()'),
    });
    expect(await schema.rows('select id from core_course')).toHaveLength(1);
    await expectExactSchool(schema);
  });
});
