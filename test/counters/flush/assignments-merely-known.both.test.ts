import { expect, it } from 'vitest';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { insertMany } from 'mikro-orm-counters';
import { Course, Enrollment, EnrollmentStatus } from '../../../src/entities/index.js';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { addCourses, addStudents, countsOf, enroll, expectExactSchool, school } from '../models/school.js';
import { numberKey } from '../../support/keys.js';

describeOnEngineDatabases('a course that em.transactional() has merged into a mere reference', kind => {
  const schema = useSchema(kind, school);

  /** Returns an entity manager with such a reference, whose counts two others have made stale. */
  async function merged(): Promise<{
    em: SqlEntityManager;
    course: Course;
    enrollment: Enrollment;
    students: number[];
  }> {
    const [id] = await addCourses(schema, 1);
    const [first, second, third, ...students] = await addStudents(schema, 6);
    const em = schema.em();
    const enrollment = await em.findOneOrFail(Enrollment, await enroll(schema, id!, first!));
    const course = em.getReference(Course, id!);
    await em.transactional(async inner => void (await inner.findOneOrFail(Course, id!)), { clear: true });
    expect(course.totalEnrollments).toBe(1);
    for (const student of [second!, third!]) await enroll(schema, id!, student);
    return { em, course, enrollment, students };
  }

  it('saving a course that em.transactional() merged into a reference is not taken for an assignment and overwrites no count', async () => {
    const { em, course, enrollment } = await merged();
    enrollment.status = EnrollmentStatus.DROPPED;
    await em.flush();
    expect(await countsOf(schema, numberKey(course.id))).toEqual([3, 2]);
    await expectExactSchool(schema);
  });

  it('refreshing a course in part that em.transactional() merged into a reference is not taken for an assignment', async () => {
    const { em, course } = await merged();
    await em.transactional(async inner => {
      await inner.find(Course, {}, { fields: ['title'], refresh: true });
      em.assign(course, { title: 'Renamed' });
    });
    await em.flush();
    expect(await schema.rows('select title from core_course')).toEqual([{ title: 'Renamed' }]);
    expect(await countsOf(schema, numberKey(course.id))).toEqual([3, 3]);
    await expectExactSchool(schema);
  });

  it('assigning the count of a course that em.transactional() merged into a reference throws COUNTER_ASSIGNED', async () => {
    const { em, course } = await merged();
    Object.assign(course, { totalEnrollments: 77 });
    await expect(em.flush()).rejects.toMatchObject({ code: 'COUNTER_ASSIGNED' });
    await expectExactSchool(schema);
  });

  it('a course that em.transactional() merged into a reference shows the true counts after insertMany() and after a flush', async () => {
    const { em, course, students } = await merged();
    await insertMany(em, Enrollment, [{ course: course.id, student: students[0]!, status: EnrollmentStatus.DROPPED }]);
    expect([course.totalEnrollments, course.activeEnrollments]).toEqual([4, 3]);
    em.create(Enrollment, { course, student: students[1]! });
    await em.flush();
    expect([course.totalEnrollments, course.activeEnrollments]).toEqual([5, 4]);
    await expectExactSchool(schema);
  });
});

describeOnEngineDatabases('a course that is refreshed in part', kind => {
  const schema = useSchema(kind, school);

  it('saving a partially refreshed course is not taken for an assignment and overwrites no count', async () => {
    const [id] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const em = schema.em();
    const course = await em.findOneOrFail(Course, id!);
    await enroll(schema, id!, student!);
    await em.find(Course, {}, { fields: ['title'], refresh: true });
    course.title = 'Renamed';
    await em.flush();
    expect(await schema.rows('select title from core_course')).toEqual([{ title: 'Renamed' }]);
    expect(await countsOf(schema, id!)).toEqual([1, 1]);
    await expectExactSchool(schema);
  });

  it('saving a partially refreshed course is not taken for an assignment where only a flush had shown it its counts', async () => {
    const [id] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const em = schema.em();
    const course = await em.findOneOrFail(Course, id!, { fields: ['title'] });
    em.create(Enrollment, { course: id!, student: student! });
    await em.flush();
    expect((course as unknown as Course).totalEnrollments).toBe(1);
    await em.find(Course, {}, { fields: ['title'], refresh: true });
    await em.flush();
    await expectExactSchool(schema);
  });

  it('assigning a count of a partially refreshed course that was never loaded throws COUNTER_ASSIGNED', async () => {
    const [id] = await addCourses(schema, 1);
    const em = schema.em();
    Object.assign(await em.findOneOrFail(Course, id!, { fields: ['title'] }), { totalEnrollments: 77 });
    await expect(em.flush()).rejects.toMatchObject({ code: 'COUNTER_ASSIGNED' });
    await expectExactSchool(schema);
  });
});
