import { expect, it } from 'vitest';
import { Course, Enrollment, EnrollmentStatus, User } from '../../../src/entities/index.js';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { summarize, statementsOf } from '../../support/statements.js';
import { addCourses, addStudents, countsOf, enroll, expectExactSchool, school } from '../models/school.js';

describeOnEngineDatabases('deltas that cancel out', kind => {
  const schema = useSchema(kind, school);

  it('deltas of a row that replaces another in the same course cost no UPDATE of the course', async () => {
    const [course] = await addCourses(schema, 1);
    const [old, next] = await addStudents(schema, 2);
    const id = await enroll(schema, course!, old!);
    const em = schema.em();
    em.remove(await em.findOneOrFail(Enrollment, id));
    em.create(Enrollment, { course: course!, student: next! });
    const statements = summarize(await statementsOf(schema.database, () => em.flush()));
    expect(statements).not.toContain('update core_course');
    expect(await countsOf(schema, course!)).toEqual([1, 1]);
    await expectExactSchool(schema);
  });

  it('deltas of two opposite status changes cost no UPDATE of the course', async () => {
    const [course] = await addCourses(schema, 1);
    const [one, two] = await addStudents(schema, 2);
    const ids = [await enroll(schema, course!, one!), await enroll(schema, course!, two!, EnrollmentStatus.DROPPED)];
    const em = schema.em();
    for (const enrollment of await em.find(Enrollment, { id: ids })) {
      enrollment.status =
        enrollment.status === EnrollmentStatus.ACTIVE ? EnrollmentStatus.DROPPED : EnrollmentStatus.ACTIVE;
    }
    const statements = summarize(await statementsOf(schema.database, () => em.flush()));
    expect(statements).not.toContain('update core_course');
    expect(await countsOf(schema, course!)).toEqual([2, 1]);
    await expectExactSchool(schema);
  });

  it('a status change that the condition does not see costs no UPDATE of the course', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const id = await enroll(schema, course!, student!, EnrollmentStatus.DROPPED);
    const em = schema.em();
    (await em.findOneOrFail(Enrollment, id)).status = EnrollmentStatus.SUSPENDED;
    const statements = summarize(await statementsOf(schema.database, () => em.flush()));
    expect(statements).not.toContain('update core_course');
    await expectExactSchool(schema);
  });

  it('deltas of one counter that cancel out leave its column out of the UPDATE of the other', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const em = schema.em();
    em.create(Enrollment, { course: course!, student: student!, status: EnrollmentStatus.COMPLETED });
    const statements = await statementsOf(schema.database, () => em.flush());
    const update = statements.filter(sql => sql.startsWith('update core_course'));
    expect(update).toHaveLength(1);
    expect(update[0]).toContain('total_enrollments');
    expect(update[0]).not.toContain('active_enrollments');
  });

  it('a change that concerns no counter costs no statement on the course', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const id = await enroll(schema, course!, student!);
    const em = schema.em();
    (await em.findOneOrFail(Enrollment, id)).enrolledAt = new Date(0);
    expect(summarize(await statementsOf(schema.database, () => em.flush()))).toEqual(['update core_enrollments']);
  });

  it('a flush of other entities costs only its own statements', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const em = schema.em();
    (await em.findOneOrFail(Course, course!)).title = 'Renamed';
    (await em.findOneOrFail(User, student!)).name = 'Renamed';
    expect(summarize(await statementsOf(schema.database, () => em.flush())).toSorted()).toEqual([
      'update core_course',
      'update core_user',
    ]);
  });

  it('a flush with nothing to do sends nothing', async () => {
    const [course] = await addCourses(schema, 1);
    const em = schema.em();
    await em.findOneOrFail(Course, course!);
    expect(await statementsOf(schema.database, () => em.flush())).toEqual([]);
  });
});
