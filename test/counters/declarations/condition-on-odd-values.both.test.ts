import { raw } from '@mikro-orm/core';
import { expect, it } from 'vitest';
import { updateWhere } from 'mikro-orm-counters';
import { Course, Enrollment, EnrollmentStatus } from '../../../src/entities/index.js';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { addBook, addShelves, Book, expectExactLibrary, library } from '../models/library.js';
import { addCourses, addStudents, enroll, expectExactSchool, school } from '../models/school.js';

/** Values that an enum column of some database treats as `active`, and that others reject or store unchanged. */
const spellings = ['ACTIVE', 'Active', 'active '];

describeOnEngineDatabases('a value that the database may store in another form', kind => {
  const schema = useSchema(kind, school);

  it.each(spellings)(
    'creating a row with %j for an enum is counted as the database stores it, or rejected',
    async spelling => {
      const [course] = await addCourses(schema, 1);
      const [student] = await addStudents(schema, 1);
      await enroll(schema, course!, student!, spelling as EnrollmentStatus).catch(() => undefined);
      await expectExactSchool(schema);
    },
  );

  it.each(spellings)(
    'changing a row to %j for an enum is counted as the database stores it, or rejected',
    async spelling => {
      const [course] = await addCourses(schema, 1);
      const [student] = await addStudents(schema, 1);
      const id = await enroll(schema, course!, student!, EnrollmentStatus.DROPPED);
      const em = schema.em();
      (await em.findOneOrFail(Enrollment, id)).status = spelling as EnrollmentStatus;
      await em.flush().catch(() => undefined);
      await expectExactSchool(schema);
      await updateWhere(schema.em(), Enrollment, { id }, { status: spelling as EnrollmentStatus }).catch(
        () => undefined,
      );
      await expectExactSchool(schema);
    },
  );

  it('an SQL fragment for an enum is counted as the database stores it', async () => {
    const [course] = await addCourses(schema, 1);
    const [student, other] = await addStudents(schema, 2);
    const id = await enroll(schema, course!, student!);
    const em = schema.em();
    const loaded = await em.findOneOrFail(Course, course!);
    em.assign(await em.findOneOrFail(Enrollment, id), { status: raw("'dropped'") });
    await em.flush();
    await expectExactSchool(schema);
    em.create(Enrollment, { course: course!, student: other!, status: raw("'active'") });
    await em.flush();
    expect([loaded.totalEnrollments, loaded.activeEnrollments]).toEqual([2, 1]);
    await expectExactSchool(schema);
  });
});

describeOnEngineDatabases('a number that the database rounds', kind => {
  const schema = useSchema(kind, library);

  it.each([2.6, 3.4, '3'])('the number %j is counted as the database rounds it, or rejected', async pages => {
    const [shelf] = await addShelves(schema, 1);
    await addBook(schema, shelf!, { pages: pages as number }).catch(() => undefined);
    await expectExactLibrary(schema);
    const id = await addBook(schema, shelf!, { pages: 900 });
    const em = schema.em();
    (await em.findOneOrFail(Book, id)).pages = pages as number;
    await em.flush().catch(() => undefined);
    await expectExactLibrary(schema);
  });
});
