import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Database } from '../../../src/database/database.js';
import { Enrollment } from '../../../src/entities/index.js';
import type { BadRow } from '../../../src/tools/import/bad-row.js';
import { dateForm } from '../../../src/tools/import/dates.js';
import { importEnrollments, type EnrollmentImportOptions } from '../../../src/tools/import/import-enrollments.js';
import { nameTable } from '../../../src/tools/import/name-table.js';
import type { ImportResult } from '../../../src/tools/import/run-import.js';
import { freshDatabase } from '../../support/databases.js';
import { addCourses } from '../../support/rows.js';
import { textSource } from '../../support/text-source.js';
import { addStudents } from '../../support/students.js';
import { numberKey } from '../../support/keys.js';

let place: { database: Database; drop: () => Promise<void> };
let courses: number[];
let students: number[];

beforeEach(async () => {
  place = await freshDatabase('sqlite');
  courses = await addCourses(place.database, [{ title: 'Algebra' }, { title: 'Optics', capacity: 1 }, { title: '1' }]);
  students = await addStudents(place.database, 3);
});
afterEach(() => place.drop());

async function run(
  text: string,
  options: EnrollmentImportOptions = {},
): Promise<ImportResult & { reasons: string[]; messages: string[] }> {
  const found: BadRow[] = [];
  const result = await importEnrollments(place.database, textSource(text), {
    ...options,
    onBadRow: bad => found.push(bad),
  });
  return {
    ...result,
    reasons: found.map(({ line, code }) => `${line} ${code}`),
    messages: found.map(({ message }) => message),
  };
}

async function rows(): Promise<[number, number, string][]> {
  const all = await place.database.em.fork().findAll(Enrollment, { orderBy: { id: 'asc' } });
  return all.map(({ course, student, enrolledAt }) => [
    numberKey(course.id),
    numberKey(student.id),
    enrolledAt.toISOString(),
  ]);
}

it('the test database has the ids that its files name', () => {
  expect([courses, students]).toEqual([
    [1, 2, 3],
    [1, 2, 3],
  ]);
});

it('columns of enrollments have the names that other programs give them', async () => {
  for (const [index, [course, student]] of (
    [
      ['course_id', 'student_id'],
      ['CourseID', 'user_id'],
      ['Course', 'Email'],
      ['course title', 'username'],
      ['COURSE', 'user'],
    ] as const
  ).entries())
    expect(
      await run(`${course};${student};Enrollment Date\n1;1;2026-01-01\n`, { matching: { courses: 'id' } }),
    ).toMatchObject({
      added: index === 0 ? 1 : 0,
      bad: 0,
    });
});

it('dates are read by the format that is given, in UTC, and only if they exist', async () => {
  const dates = dateForm('DD.MM.YYYY HH:mm')!;
  expect(
    await run(
      'course,student,date\nAlgebra,1,31.01.2026 13:05\nAlgebra,2,31.02.2026 13:05\nAlgebra,2,2026-01-31\nAlgebra,3,1.2.2026 13:05\n',
      { dates },
    ),
  ).toMatchObject({ added: 1, reasons: ['3 BAD_DATE', '4 BAD_DATE', '5 BAD_DATE'] });
  expect(await rows()).toEqual([[1, 1, '2026-01-31T13:05:00.000Z']]);
  expect(dateForm('MM/DD/YYYY')!.read('01/31/2026')).toEqual(new Date('2026-01-31'));
  expect(dateForm('YYYYMMDD')!.read('20260131')).toEqual(new Date('2026-01-31'));
  expect(dateForm('D MMM YYYY')!.read('3 Jan 2026')).toEqual(new Date('2026-01-03'));
  expect(dateForm('YYYY-MM-DDTHH:mm:ssZ')).toBeNull();
  expect(dateForm('unix')!.read('1769817600')).toEqual(new Date('2026-01-31'));
  expect(dateForm('unix')!.read('31.01.2026')).toBeNull();
  expect(dateForm('HH:mm')).toBeNull();
});

it('a number is a title or an id, as matching says', async () => {
  expect(await run('course,student\n1,1\n')).toMatchObject({ reasons: ['2 AMBIGUOUS_COURSE'] });
  expect(await run('course,student\n1,1\n', { matching: { courses: 'title' } })).toMatchObject({ added: 1 });
  expect(await run('course,student\n1,2\nAlgebra,2\n', { matching: { courses: 'id' } })).toMatchObject({
    added: 1,
    reasons: ['3 UNKNOWN_COURSE'],
  });
  expect((await rows()).map(([course]) => course)).toEqual([3, 1]);
});

it('a student is a user by id or by email, as matching says', async () => {
  const text = 'course,student\nAlgebra,1\nAlgebra,s2@example.org\n';
  expect(await run(text, { matching: { users: 'id' } })).toMatchObject({ added: 1, reasons: ['3 UNKNOWN_STUDENT'] });
  expect(await run(text, { matching: { users: 'email' } })).toMatchObject({ added: 1, reasons: ['2 UNKNOWN_STUDENT'] });
});

it('names of another system are looked up in tables of names, and what is not there is unknown', async () => {
  const courseNames = await nameTable(textSource('external_id;course\nCS-101;Algebra\n2;3\nCS-9;Gone\n'), 'course');
  const userNames = await nameTable(textSource('Sourced ID,email\nu7,S3@example.org\n3,1\n'), 'user');
  expect(
    await run('course,student\nCS-101,u7\n2,3\nAlgebra,u7\nCS-101,1\nCS-9,u7\ncs-101,u7\n', {
      matching: { courseNames, userNames },
    }),
  ).toMatchObject({
    added: 2,
    reasons: ['4 UNKNOWN_COURSE', '5 UNKNOWN_STUDENT', '6 UNKNOWN_COURSE', '7 UNKNOWN_COURSE'],
    messages: [
      'FILE.csv has no "Algebra".',
      'FILE.csv has no "1".',
      'There is no course "Gone".',
      'FILE.csv has no "cs-101".',
    ],
  });
  expect((await rows()).map(([course, student]) => [course, student])).toEqual([
    [1, 3],
    [3, 1],
  ]);
});

it.each([
  ['external_id,course\na,1\na,1\n', null],
  ['external_id,course\na,1\na,2\n', /FILE\.csv:3: "a" is "2" here and "1" in a line above/],
  ['external_id,course\na,1\nb,\n', /FILE\.csv:3: MISSING_VALUE/],
  ['external_id,title,note\na,1,x\n', /not understood: "note"/],
])('a table of names is refused if it cannot be read or gives a name two meanings: %j', async (text, message) => {
  const table = nameTable(textSource(text), 'course');
  if (message === null) expect((await table).names).toEqual(new Map([['a', '1']]));
  else await expect(table).rejects.toMatchObject({ name: 'ImportError', message: expect.stringMatching(message) });
});

it('a dry run says exactly what an import does, and writes nothing', async () => {
  const filler = 'Algebra,1\n'.repeat(1500);
  const text = `course,student\nAlgebra,1\n${filler}Optics,1\nOptics,2\nOptics,1\nNone,1\n`;
  const dry = await run(text, { dryRun: true });
  expect(dry).toMatchObject({ added: 2, alreadyThere: 1501, bad: 2, outcome: 'rehearsed' });
  expect(await rows()).toEqual([]);
  const { outcome, ...wet } = await run(text);
  expect({ ...wet, outcome: 'rehearsed' }).toEqual(dry);
  expect(outcome).toBe('finished');
});
