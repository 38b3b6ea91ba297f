import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Course, Enrollment, EnrollmentStatus, User } from '../../../src/entities/index.js';
import type { BadRow } from '../../../src/tools/import/bad-row.js';
import { importOulad } from '../../../src/tools/import/import-oulad.js';
import { ouladFiles } from '../../../src/tools/import/oulad-files.js';
import { describeOnFirstThree, freshDatabase } from '../../support/databases.js';
import { coursesWithDrift } from '../../support/courses-with-drift.js';

const files = {
  'courses.csv':
    '"code_module","code_presentation","module_presentation_length"\nAAA,2013J,268\nBBB,2014B,234\nCCC,2014X,200\n',
  'studentInfo.csv':
    'code_module,code_presentation,id_student,final_result\nAAA,2013J,1,Pass\nAAA,2013J,2,Withdrawn\nBBB,2014B,1,Fail\nBBB,2014B,2,Maybe\nBBB,2014B,3,Distinction\nAAA,2013J,1,Fail\nAAA,2013J,9,Pass\n',
  'studentRegistration.csv':
    'code_module,code_presentation,id_student,date_registration,date_unregistration\nAAA,2013J,1,-10,\nAAA,2013J,2,,5\nBBB,2014B,1,3,\nBBB,2014B,2,0,\nBBB,2014B,3,soon,\nZZZ,2014B,1,0,\nAAA,2013J,x,0,\n',
};

function folderWith(contents: Partial<typeof files>): string {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-oulad-'));
  for (const [name, text] of Object.entries(contents)) writeFileSync(join(folder, name), text);
  return folder;
}

describeOnFirstThree('importing a dataset like OULAD', kind => {
  it('an import of a dataset joins registrations with results, dates them from the presentation, and reports what does not fit', async () => {
    const { database, drop } = await freshDatabase(kind);
    const folder = folderWith(files);
    const found: BadRow[] = [];
    expect(await importOulad(database, await ouladFiles(folder), { onBadRow: bad => found.push(bad) })).toMatchObject({
      added: 3,
      bad: 8,
      outcome: 'finished',
    });
    expect(found.map(({ file, line, code }) => `${file.slice(folder.length + 1)}:${line} ${code}`)).toEqual([
      'courses.csv:4 BAD_DATE',
      'studentInfo.csv:5 BAD_STATUS',
      'studentInfo.csv:7 DUPLICATE',
      'studentRegistration.csv:5 NO_RESULT',
      'studentRegistration.csv:6 BAD_DATE',
      'studentRegistration.csv:7 UNKNOWN_COURSE',
      'studentRegistration.csv:8 BAD_ID',
      'studentInfo.csv:8 NOT_REGISTERED',
    ]);
    const enrollments = await database.em
      .fork()
      .find(Enrollment, {}, { populate: ['course', 'student'], orderBy: { id: 'asc' } });
    expect(
      enrollments.map(({ course, student, status, enrolledAt }) => [
        course.$.title,
        student.$.email,
        status,
        enrolledAt.toISOString(),
      ]),
    ).toEqual([
      ['AAA 2013J', 'student-1@oulad.example.org', EnrollmentStatus.COMPLETED, '2013-09-21T00:00:00.000Z'],
      ['AAA 2013J', 'student-2@oulad.example.org', EnrollmentStatus.DROPPED, '2013-10-01T00:00:00.000Z'],
      ['BBB 2014B', 'student-1@oulad.example.org', EnrollmentStatus.COMPLETED, '2014-02-04T00:00:00.000Z'],
    ]);
    expect(await coursesWithDrift(database)).toEqual([]);
    rmSync(folder, { recursive: true });
    await drop();
  });

  it('a strict import of a dataset writes nothing, not even a user, when a row is bad', async () => {
    const { database, drop } = await freshDatabase(kind);
    const folder = folderWith(files);
    expect(await importOulad(database, await ouladFiles(folder), { strict: true })).toMatchObject({
      added: 0,
      bad: 8,
      outcome: 'refused',
    });
    expect(await database.em.fork().count(User)).toBe(0);
    expect(await database.em.fork().count(Course)).toBe(0);
    rmSync(folder, { recursive: true });
    await drop();
  });

  it('an import of a dataset finds courses by their exact title and users by their email, and makes only the others', async () => {
    const { database, drop } = await freshDatabase(kind);
    const em = database.em.fork();
    for (const title of ['aaa 2013j', 'AAA 2013J', 'AAA 2013J']) {
      em.create(Course, { title });
      await em.flush();
    }
    em.create(User, { name: 'Known', email: 'student-1@oulad.example.org' });
    await em.flush();
    const folder = folderWith(files);
    expect(await importOulad(database, await ouladFiles(folder))).toMatchObject({ added: 3 });
    const courses = await database.em.fork().find(Course, {}, { orderBy: { id: 'asc' } });
    expect(courses.map(({ title, totalEnrollments }) => [title, totalEnrollments])).toEqual([
      ['aaa 2013j', 0],
      ['AAA 2013J', 2],
      ['AAA 2013J', 0],
      ['BBB 2014B', 1],
    ]);
    expect(await database.em.fork().count(User)).toBe(2);
    rmSync(folder, { recursive: true });
    await drop();
  });
});

it('a folder in which one of the files is missing is rejected by the name of the file', async () => {
  const folder = folderWith({ 'courses.csv': files['courses.csv'] });
  await expect(ouladFiles(folder)).rejects.toMatchObject({
    code: 'IMPORT_FILE',
    message: expect.stringMatching(/There is no file .*studentInfo\.csv/),
  });
  rmSync(folder, { recursive: true });
});
