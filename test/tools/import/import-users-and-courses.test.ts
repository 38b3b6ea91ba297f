import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Database } from '../../../src/database/database.js';
import { Course, CourseStatus, Role, User } from '../../../src/entities/index.js';
import type { BadRow } from '../../../src/tools/import/bad-row.js';
import { importCourses } from '../../../src/tools/import/import-courses.js';
import { importUsers } from '../../../src/tools/import/import-users.js';
import type { ImportOptions, ImportResult } from '../../../src/tools/import/run-import.js';
import { describeOnEach, freshDatabase } from '../../support/databases.js';
import { addStudents } from '../../support/students.js';
import { textSource } from '../../support/text-source.js';

let place: { database: Database; drop: () => Promise<void> };

beforeEach(async () => {
  place = await freshDatabase('sqlite');
});
afterEach(() => place.drop());

async function run(
  imported: typeof importUsers,
  lines: readonly string[],
  options: ImportOptions = {},
): Promise<ImportResult & { reasons: string[] }> {
  const found: BadRow[] = [];
  const result = await imported(place.database, textSource(lines.join('\n')), {
    ...options,
    onBadRow: bad => found.push(bad),
  });
  return { ...result, reasons: found.map(({ line, code }) => `${line} ${code}`) };
}

const users = [
  'Full Name;E-Mail;Role',
  'Ada;ada@example.org;ADMIN',
  'Bob;bob@example.org;',
  'Bob;BOB@example.org;student',
  'Bobby;bob@example.org;',
  'Bob;bob@example.org;teacher',
  'Cy;not an email;',
  'Cy;cy@example.org;pupil',
  `${'x'.repeat(256)};long@example.org;`,
];
const badUsers = ['5 DIFFERENT', '6 DIFFERENT', '7 BAD_VALUE', '8 BAD_VALUE', '9 BAD_VALUE'];

it('users are imported once, and a row that differs from a user, or that cannot be one, is bad', async () => {
  expect(await run(importUsers, users)).toMatchObject({ rows: 8, added: 2, alreadyThere: 1, reasons: badUsers });
  expect(await run(importUsers, users)).toMatchObject({ rows: 8, added: 0, alreadyThere: 3, reasons: badUsers });
  const all = await place.database.em.fork().findAll(User, { orderBy: { id: 'asc' } });
  expect(all.map(({ name, email, role }) => [name, email, role])).toEqual([
    ['Ada', 'ada@example.org', Role.ADMIN],
    ['Bob', 'bob@example.org', Role.STUDENT],
  ]);
});

it('a dry run and a strict import of users find the same bad rows and write nothing', async () => {
  expect(await run(importUsers, users, { dryRun: true })).toMatchObject({
    added: 2,
    alreadyThere: 1,
    reasons: badUsers,
    outcome: 'rehearsed',
  });
  expect(await run(importUsers, users, { strict: true })).toMatchObject({ reasons: badUsers, outcome: 'refused' });
  expect(await place.database.em.fork().count(User)).toBe(0);
  expect(await run(importUsers, users.slice(0, 4), { strict: true })).toMatchObject({ added: 2, outcome: 'finished' });
});

const courses = [
  'title|seats|published|teacher|status|summary',
  'Algebra|30|yes|ada@example.org|active|"two',
  'lines"',
  'Optics|||||',
  'Algebra|30||||',
  'Algebra|31||||',
  'Chemistry|-1||||',
  'Chemistry|2147483648||||',
  'Chemistry||maybe|||',
  'Chemistry|||1||',
  'Chemistry|||none@example.org||',
  'Chemistry||||open|',
];
const badCourses = [
  '6 DIFFERENT',
  '7 BAD_VALUE',
  '8 BAD_VALUE',
  '9 BAD_VALUE',
  '10 BAD_INSTRUCTOR',
  '11 UNKNOWN_INSTRUCTOR',
  '12 BAD_STATUS',
];

it('courses are imported once, and a row that differs from a course, or that cannot be one, is bad', async () => {
  await addStudents(place.database, 1);
  await run(importUsers, users);
  expect(await run(importCourses, courses, { dryRun: true })).toMatchObject({
    added: 2,
    alreadyThere: 1,
    reasons: badCourses,
  });
  expect(await place.database.em.fork().count(Course)).toBe(0);
  expect(await run(importCourses, courses)).toMatchObject({ added: 2, alreadyThere: 1, reasons: badCourses });
  expect(await run(importCourses, courses)).toMatchObject({ added: 0, alreadyThere: 3, reasons: badCourses });
  const all = await place.database.em.fork().findAll(Course, { orderBy: { id: 'asc' }, populate: ['instructor'] });
  expect(
    all.map(({ title, description, status, isPublished, capacity, instructor, totalEnrollments }) => [
      title,
      description,
      status,
      isPublished,
      capacity,
      instructor?.unwrap().name,
      totalEnrollments,
    ]),
  ).toEqual([
    ['Algebra', 'two\nlines', CourseStatus.ACTIVE, true, 30, 'Ada', 0],
    ['Optics', null, CourseStatus.DRAFT, false, null, undefined, 0],
  ]);
});

describeOnEach('an email that the database may take for that of another user', kind => {
  it('a user whose email the database may take for that of another is added, or its row is bad: no row is left out in silence', async () => {
    const other = await freshDatabase(kind);
    try {
      const em = other.database.em.fork();
      // As a copy of another application's database brings it.
      em.create(User, { name: 'José', email: 'josé@example.org' });
      await em.flush();
      const found: string[] = [];
      const { added, bad } = await importUsers(
        other.database,
        textSource('name,email\nJose,jose@example.org\nEve,eve@example.org'),
        {
          onBadRow: ({ line, code }) => found.push(`${line} ${code}`),
        },
      );
      const names = (await other.database.em.fork().findAll(User, { orderBy: { id: 'asc' } })).map(({ name }) => name);
      expect({ names, added, bad, found }).toEqual(
        kind === 'sqlite'
          ? { names: ['José', 'Jose', 'Eve'], added: 2, bad: 0, found: [] }
          : { names: ['José', 'Eve'], added: 1, bad: 1, found: ['2 DIFFERENT'] },
      );
    } finally {
      await other.drop();
    }
  });
});
