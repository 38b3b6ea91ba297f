import { expect, it } from 'vitest';
import { Course, Enrollment, EnrollmentStatus } from '../../../src/entities/index.js';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { addCourses, addStudents, countsOf, enroll, expectExactSchool, school } from '../models/school.js';

describeOnEngineDatabases('creating and removing counted rows', kind => {
  const schema = useSchema(kind, school);

  it('creating a row increments the count in the database and in the loaded target', async () => {
    const [id] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const em = schema.em();
    const course = await em.findOneOrFail(Course, id!);
    em.create(Enrollment, { course, student: student! });
    await em.flush();
    expect([course.totalEnrollments, course.activeEnrollments]).toEqual([1, 1]);
    expect(await countsOf(schema, id!)).toEqual([1, 1]);
  });

  it('removing a row decrements the count in the database and in the loaded target', async () => {
    const [id] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const enrollment = await enroll(schema, id!, student!);
    const em = schema.em();
    const course = await em.findOneOrFail(Course, id!);
    em.remove(await em.findOneOrFail(Enrollment, enrollment));
    await em.flush();
    expect([course.totalEnrollments, course.activeEnrollments]).toEqual([0, 0]);
    expect(await countsOf(schema, id!)).toEqual([0, 0]);
  });

  it('removing the same entity twice decrements the count once', async () => {
    const [course] = await addCourses(schema, 1);
    const [one, two] = await addStudents(schema, 2);
    const id = await enroll(schema, course!, one!);
    await enroll(schema, course!, two!);
    const em = schema.em();
    const enrollment = await em.findOneOrFail(Enrollment, id);
    em.remove(enrollment);
    em.remove(enrollment);
    await em.flush();
    em.remove(enrollment);
    await em.flush();
    expect(await countsOf(schema, course!)).toEqual([1, 1]);
  });

  it('flushing again does not count again', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const em = schema.em();
    const enrollment = em.create(Enrollment, { course: course!, student: student! });
    await em.flush();
    await em.flush();
    await em.persist(enrollment).flush();
    expect(await countsOf(schema, course!)).toEqual([1, 1]);
  });

  it('saving a counted row without a relevant change does not change the count', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const id = await enroll(schema, course!, student!);
    const em = schema.em();
    const enrollment = await em.findOneOrFail(Enrollment, id);
    for (const day of [1, 2]) {
      enrollment.enrolledAt = new Date(Date.UTC(2026, 0, day));
      await em.flush();
    }
    expect(await countsOf(schema, course!)).toEqual([1, 1]);
  });

  it('an entity that is created and removed before the flush is not counted', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const em = schema.em();
    em.remove(em.create(Enrollment, { course: course!, student: student! }));
    await em.flush();
    expect(await countsOf(schema, course!)).toEqual([0, 0]);
    await expectExactSchool(schema);
  });

  it('a removed entity that is persisted again before the flush stays counted', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const id = await enroll(schema, course!, student!);
    const em = schema.em();
    const enrollment = await em.findOneOrFail(Enrollment, id);
    em.remove(enrollment);
    em.persist(enrollment);
    await em.flush();
    expect(await countsOf(schema, course!)).toEqual([1, 1]);
    await expectExactSchool(schema);
  });

  it('creating, changing and removing rows of several courses in one flush counts all of them', async () => {
    const [a, b, c] = await addCourses(schema, 3);
    const students = await addStudents(schema, 4);
    const [moved, dropped, removed] = await Promise.all(
      students.slice(0, 3).map(student => enroll(schema, a!, student)),
    );
    const em = schema.em();
    (await em.findOneOrFail(Enrollment, moved!)).course = em.getReference(Course, b!, { wrapped: true });
    (await em.findOneOrFail(Enrollment, dropped!)).status = EnrollmentStatus.DROPPED;
    em.remove(await em.findOneOrFail(Enrollment, removed!));
    em.create(Enrollment, { course: c!, student: students[3]!, status: EnrollmentStatus.COMPLETED });
    await em.flush();
    expect(await Promise.all([a!, b!, c!].map(id => countsOf(schema, id)))).toEqual([
      [1, 0],
      [1, 1],
      [1, 0],
    ]);
    await expectExactSchool(schema);
  });
});
