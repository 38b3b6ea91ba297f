import { expect, it } from 'vitest';
import { Enrollment, EnrollmentStatus } from '../../../src/entities/index.js';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { addCourses, addStudents, countsOf, enroll, expectExactSchool, school } from '../models/school.js';

describeOnEngineDatabases('what the Django app counted', kind => {
  const schema = useSchema(kind, school);

  it('a new course has no enrollments', async () => {
    const [course] = await addCourses(schema, 1);
    expect(await countsOf(schema, course!)).toEqual([0, 0]);
  });

  it('one, two, three enrollments make 1, 2, 3', async () => {
    const [course] = await addCourses(schema, 1);
    const students = await addStudents(schema, 3);
    for (const [index, student] of students.entries()) {
      await enroll(schema, course!, student);
      expect(await countsOf(schema, course!)).toEqual([index + 1, index + 1]);
    }
    await expectExactSchool(schema);
  });

  it('deleting them one by one goes down to 0', async () => {
    const [course] = await addCourses(schema, 1);
    const students = await addStudents(schema, 3);
    for (const student of students) await enroll(schema, course!, student);
    const em = schema.em();
    const enrollments = await em.find(Enrollment, { course: course! });
    for (const [index, enrollment] of enrollments.entries()) {
      em.remove(enrollment);
      await em.flush();
      expect(await countsOf(schema, course!)).toEqual([2 - index, 2 - index]);
    }
    await expectExactSchool(schema);
  });

  it('a dropped enrollment stays in the total and leaves the active ones', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const id = await enroll(schema, course!, student!);
    const em = schema.em();
    (await em.findOneOrFail(Enrollment, id)).status = EnrollmentStatus.DROPPED;
    await em.flush();
    expect(await countsOf(schema, course!)).toEqual([1, 0]);
  });

  it('enrollments of one course leave the other courses alone', async () => {
    const [first, second] = await addCourses(schema, 2);
    const [student] = await addStudents(schema, 1);
    await enroll(schema, second!, student!);
    expect(await countsOf(schema, first!)).toEqual([0, 0]);
    expect(await countsOf(schema, second!)).toEqual([1, 1]);
  });

  it('an enrollment that cannot be saved is not counted', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    await enroll(schema, course!, student!);
    await expect(enroll(schema, course!, student!)).rejects.toThrow(/unique|duplicate/i);
    expect(await countsOf(schema, course!)).toEqual([1, 1]);
    await expectExactSchool(schema);
  });
});
