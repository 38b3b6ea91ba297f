import { expect, it, vi } from 'vitest';
import { Course, Enrollment, EnrollmentStatus } from '../../../src/entities/index.js';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { summarize, statementsOf } from '../../support/statements.js';
import { addCourses, addStudents, enroll, expectExactSchool, school } from '../models/school.js';

describeOnEngineDatabases('the statements of a flush', kind => {
  const schema = useSchema(kind, school);
  const lock = kind === 'sqlite' ? 'select' : 'lock';
  const byPrimaryKey = kind === 'mysql' || kind === 'mariadb' ? ' force index (primary)' : '';

  it('a create into a course that is not loaded sends one UPDATE, then the INSERT, and no SELECT', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const em = schema.em();
    em.create(Enrollment, { course: course!, student: student! });
    const statements = await statementsOf(schema.database, () => em.flush());
    expect(summarize(statements)).toEqual(['update core_course', 'insert core_enrollments']);
    expect(statements[0]).toBe(
      `update core_course set total_enrollments = total_enrollments + 1, active_enrollments = active_enrollments + 1 where id in (${course})`,
    );
    await expectExactSchool(schema);
  });

  it('many creates into one course send one UPDATE', async () => {
    const [course] = await addCourses(schema, 1);
    const em = schema.em();
    for (const student of await addStudents(schema, 40)) em.create(Enrollment, { course: course!, student });
    const statements = summarize(await statementsOf(schema.database, () => em.flush()));
    expect(statements.filter(gist => gist === 'update core_course')).toHaveLength(1);
    expect(statements[0]).toBe('update core_course');
    await expectExactSchool(schema);
  });

  it('a flush of new rows takes one snapshot of each entity, as MikroORM alone does', async () => {
    const [course] = await addCourses(schema, 1);
    const em = schema.em();
    for (const student of await addStudents(schema, 10)) em.create(Enrollment, { course: course!, student });
    const snapshots = vi.spyOn(em.getComparator(), 'prepareEntity');
    await em.flush();
    const taken = snapshots.mock.calls.length;
    snapshots.mockRestore();
    expect(taken).toBe([...em.getUnitOfWork().getIdentityMap()].length);
    await expectExactSchool(schema);
  });

  it('creates into several courses that get the same amounts send one UPDATE, by ascending id, before any INSERT, and on PostgreSQL one lock before it', async () => {
    const courses = await addCourses(schema, 12);
    const students = await addStudents(schema, 3);
    const em = schema.em();
    for (const student of students)
      for (const course of courses.toReversed()) em.create(Enrollment, { course, student });
    const statements = await statementsOf(schema.database, () => em.flush());
    // An UPDATE of several rows locks them in the order in which they are stored there.
    if (kind === 'postgresql')
      expect(statements.shift()).toContain(`where id in (${courses.join(', ')}) order by id for no key update`);
    expect(new Set(summarize(statements.slice(1)))).toEqual(new Set(['insert core_enrollments']));
    expect(statements[0]).toBe(
      `update core_course${byPrimaryKey} set total_enrollments = total_enrollments + 3, active_enrollments = active_enrollments + 3 where id in (${courses.join(', ')})`,
    );
    await expectExactSchool(schema);
  });

  it('creates into several courses that get different amounts send one UPDATE, by ascending id, and on PostgreSQL one lock before it', async () => {
    const courses = await addCourses(schema, 6);
    const students = await addStudents(schema, 2);
    const em = schema.em();
    for (const [index, course] of courses.toReversed().entries())
      for (const student of students.slice(0, 1 + (index % 2))) em.create(Enrollment, { course, student });
    const statements = await statementsOf(schema.database, () => em.flush());
    if (kind === 'postgresql') expect(summarize([statements.shift()!])).toEqual([`${lock} core_course`]);
    expect(summarize(statements.slice(0, 1))).toEqual(['update core_course']);
    expect(new Set(summarize(statements.slice(1)))).toEqual(new Set(['insert core_enrollments']));
    expect(statements[0]).toMatch(new RegExp(` where id in \\(${courses.join(', ')}\\)$`));
    await expectExactSchool(schema);
  });

  it('the statements of a flush sort ids as numbers, not as texts', async () => {
    const [student, other] = await addStudents(schema, 2);
    const ids = [9, 10, 100, 1000].map(id => 900_000_000 + id);
    const setup = schema.em();
    for (const id of [...ids, 99]) setup.create(Course, { id, title: 'Numbered' });
    await setup.flush();
    const ascending = [99, ...ids].join(', ');
    const em = schema.em();
    for (const course of [...ids.toReversed(), 99]) em.create(Enrollment, { course, student: student! });
    const [update] = await statementsOf(schema.database, () => em.flush());
    expect(update).toContain(`where id in (${ascending})`);
    const another = schema.em();
    for (const enrollment of await another.find(Enrollment, { course: ids })) another.remove(enrollment);
    another.create(Enrollment, { course: 99, student: other! });
    const [locked] = await statementsOf(schema.database, () => another.flush());
    expect(locked).toContain(`where id in (${ascending}) order by id`);
    await expectExactSchool(schema);
  });

  it('a create into a loaded course sends the lock that shows it the true counts, the UPDATE and the INSERT', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const em = schema.em();
    await em.findOneOrFail(Course, course!, { fields: ['title'] });
    em.create(Enrollment, { course: course!, student: student! });
    expect(summarize(await statementsOf(schema.database, () => em.flush()))).toEqual([
      `${lock} core_course`,
      'update core_course',
      'insert core_enrollments',
    ]);
  });

  it('a removal sends the lock of the course, the lock of the row, the UPDATE and the DELETE', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const id = await enroll(schema, course!, student!);
    const em = schema.em();
    em.remove(await em.findOneOrFail(Enrollment, id));
    const statements = await statementsOf(schema.database, () => em.flush());
    expect(summarize(statements)).toEqual([
      `${lock} core_course`,
      `${lock} core_enrollments`,
      'update core_course',
      'delete core_enrollments',
    ]);
  });

  it('a removal by reference sends one more SELECT for the course, without a lock', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const id = await enroll(schema, course!, student!);
    const em = schema.em();
    em.remove(em.getReference(Enrollment, id));
    const statements = summarize(await statementsOf(schema.database, () => em.flush()));
    expect(statements).toEqual([
      'select core_enrollments',
      `${lock} core_course`,
      `${lock} core_enrollments`,
      'update core_course',
      'delete core_enrollments',
    ]);
    await expectExactSchool(schema);
  });

  it('a move sends one lock for both courses, one for the row, and one UPDATE for both courses', async () => {
    const [low, high] = await addCourses(schema, 2);
    const [student] = await addStudents(schema, 1);
    const id = await enroll(schema, high!, student!);
    const em = schema.em();
    em.assign(await em.findOneOrFail(Enrollment, id), { course: low! });
    const statements = await statementsOf(schema.database, () => em.flush());
    expect(summarize(statements)).toEqual([
      `${lock} core_course`,
      `${lock} core_enrollments`,
      'update core_course',
      'update core_enrollments',
    ]);
    expect(statements[0]).toContain(`in (${low}, ${high}) order by id`);
    expect(statements[2]).toContain(`where id in (${low}, ${high})`);
    await expectExactSchool(schema);
  });

  it('many changes of all kinds send two locks, and one UPDATE for the courses that get the same amounts before all other statements', async () => {
    const courses = await addCourses(schema, 4);
    const students = await addStudents(schema, 4);
    const ids: number[] = [];
    for (const course of courses)
      for (const student of students.slice(0, 3)) ids.push(await enroll(schema, course, student));
    const em = schema.em();
    for (const [index, enrollment] of (await em.find(Enrollment, { id: ids })).entries()) {
      if (index % 3 === 0) em.remove(enrollment);
      if (index % 3 === 1) enrollment.status = EnrollmentStatus.COMPLETED;
    }
    for (const course of courses) em.create(Enrollment, { course, student: students[3]! });
    const statements = summarize(await statementsOf(schema.database, () => em.flush()));
    expect(statements.slice(0, 3)).toEqual([`${lock} core_course`, `${lock} core_enrollments`, 'update core_course']);
    expect(statements.slice(3)).not.toContain('update core_course');
    await expectExactSchool(schema);
  });

  it('a flush locks a course that it changes itself together with the counted ones', async () => {
    const [low, high] = await addCourses(schema, 2);
    const [student] = await addStudents(schema, 1);
    const em = schema.em();
    (await em.findOneOrFail(Course, low!)).title = 'Renamed';
    em.create(Enrollment, { course: high!, student: student! });
    const statements = await statementsOf(schema.database, () => em.flush());
    expect(statements[0]).toContain(`in (${low}, ${high}) order by id`);
    await expectExactSchool(schema);
  });
});
