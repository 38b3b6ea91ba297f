import { expect, it } from 'vitest';
import { Course, Enrollment, EnrollmentStatus, User } from '../../../src/entities/index.js';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { summarize, statementsOf } from '../../support/statements.js';
import { addCourses, addStudents, countsOf, enroll, expectExactSchool, school } from '../models/school.js';
import { numberKey } from '../../support/keys.js';

describeOnEngineDatabases('a target in the same flush as its rows', kind => {
  const schema = useSchema(kind, school);

  it('a new target is created with its rows in one flush, counts them, and is not dirty', async () => {
    const students = await addStudents(schema, 3);
    const em = schema.em();
    const course = em.create(Course, { title: 'New' });
    for (const student of students) em.create(Enrollment, { course, student });
    await em.flush();
    expect([course.totalEnrollments, course.activeEnrollments]).toEqual([3, 3]);
    expect(await countsOf(schema, numberKey(course.id))).toEqual([3, 3]);
    expect(await statementsOf(schema.database, () => em.flush())).toEqual([]);
    await expectExactSchool(schema);
  });

  it('a new target is inserted with its counts, so that no UPDATE follows', async () => {
    const [student] = await addStudents(schema, 1);
    const em = schema.em();
    em.create(Enrollment, { course: em.create(Course, { title: 'New' }), student: student! });
    expect(summarize(await statementsOf(schema.database, () => em.flush()))).not.toContain('update core_course');
    await expectExactSchool(schema);
  });

  it('a new target is created with rows of every state and with their student', async () => {
    const em = schema.em();
    const course = em.create(Course, { title: 'New' });
    for (const status of Object.values(EnrollmentStatus)) {
      em.create(Enrollment, {
        course,
        status,
        student: em.create(User, { name: status, email: `${status}@example.org` }),
      });
    }
    await em.flush();
    expect(await countsOf(schema, numberKey(course.id))).toEqual([4, 1]);
    await expectExactSchool(schema);
  });

  it('a new target takes over a row of an older target in the flush that creates it', async () => {
    const [old] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const id = await enroll(schema, old!, student!);
    const em = schema.em();
    const course = em.create(Course, { title: 'New' });
    em.assign(await em.findOneOrFail(Enrollment, id), { course });
    await em.flush();
    expect([await countsOf(schema, old!), await countsOf(schema, numberKey(course.id))]).toEqual([
      [0, 0],
      [1, 1],
    ]);
    await expectExactSchool(schema);
  });

  it('a new target goes on counting in later flushes of the same entity manager and transaction', async () => {
    const students = await addStudents(schema, 3);
    const id = await schema.em().transactional(async em => {
      const course = em.create(Course, { title: 'New' });
      em.create(Enrollment, { course, student: students[0]! });
      await em.flush();
      em.create(Enrollment, { course, student: students[1]! });
      await em.flush();
      em.create(Enrollment, { course, student: students[2]!, status: EnrollmentStatus.DROPPED });
      await em.flush();
      expect([course.totalEnrollments, course.activeEnrollments]).toEqual([3, 2]);
      return course.id;
    });
    expect(await countsOf(schema, numberKey(id))).toEqual([3, 2]);
    await expectExactSchool(schema);
  });

  it('a new target that could not be inserted can be saved again with the right counts', async () => {
    const [student] = await addStudents(schema, 1);
    const em = schema.em();
    const course = em.create(Course, { title: 'New' });
    em.create(Enrollment, { course, student: student! });
    const twice = em.create(Enrollment, { course, student: student! });
    await expect(em.flush()).rejects.toThrow(/unique|duplicate/i);
    const again = schema.em();
    const retried = again.create(Course, { title: course.title });
    again.create(Enrollment, { course: retried, student: twice.student.id });
    await again.flush();
    expect(await countsOf(schema, numberKey(retried.id))).toEqual([1, 1]);
    await expectExactSchool(schema);
  });

  it('a new target shows no count of a failed flush, and the same entities can be saved again', async () => {
    const [student] = await addStudents(schema, 1);
    const em = schema.em();
    const taken = em.create(User, { name: 'Taken', email: 's0@example.org' });
    const course = em.create(Course, { title: 'New' });
    em.create(Enrollment, { course, student: taken });
    em.create(Enrollment, { course, student: student! });
    await expect(em.flush()).rejects.toThrow(/unique|duplicate/i);
    expect(course.totalEnrollments).toBe(0);
    taken.email = 'free@example.org';
    await em.persist([taken, course]).flush();
    await expectExactSchool(schema);
  });

  it('a target is removed together with all of its rows', async () => {
    const [kept, gone] = await addCourses(schema, 2);
    const students = await addStudents(schema, 2);
    for (const student of students) await enroll(schema, gone!, student);
    await enroll(schema, kept!, students[0]!);
    const em = schema.em();
    for (const enrollment of await em.find(Enrollment, { course: gone! })) em.remove(enrollment);
    em.remove(await em.findOneOrFail(Course, gone!));
    await em.flush();
    expect(await schema.rows('select id from core_course')).toEqual([{ id: kept }]);
    await expectExactSchool(schema);
  });

  it('a target is removed while its rows move to another', async () => {
    const [gone, heir] = await addCourses(schema, 2);
    const [student] = await addStudents(schema, 1);
    const id = await enroll(schema, gone!, student!);
    const em = schema.em();
    em.assign(await em.findOneOrFail(Enrollment, id), { course: heir! });
    em.remove(await em.findOneOrFail(Course, gone!));
    await em.flush();
    expect(await countsOf(schema, heir!)).toEqual([1, 1]);
    await expectExactSchool(schema);
  });

  it('a target cannot be removed without its rows, and then nothing has changed', async () => {
    const [course, other] = await addCourses(schema, 2);
    const [one, two] = await addStudents(schema, 2);
    await enroll(schema, course!, one!);
    const em = schema.em();
    em.create(Enrollment, { course: other!, student: two! });
    em.remove(await em.findOneOrFail(Course, course!));
    await expect(em.flush()).rejects.toThrow(/foreign key/i);
    expect([await countsOf(schema, course!), await countsOf(schema, other!)]).toEqual([
      [1, 1],
      [0, 0],
    ]);
    await expectExactSchool(schema);
  });
});
