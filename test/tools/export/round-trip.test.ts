import fc from 'fast-check';
import { expect, it } from 'vitest';
import { operator } from '../../../src/access/viewer.js';
import type { Database } from '../../../src/database/database.js';
import { Course, CourseStatus, Enrollment, EnrollmentStatus, Role, User } from '../../../src/entities/index.js';
import {
  exportedCourses,
  exportedEnrollments,
  exportedUsers,
  type ExportedTable,
} from '../../../src/tools/export/export-pages.js';
import { writeExport, type ExportOptions } from '../../../src/tools/export/write-export.js';
import type { BadRow } from '../../../src/tools/import/bad-row.js';
import { importCourses } from '../../../src/tools/import/import-courses.js';
import { importEnrollments } from '../../../src/tools/import/import-enrollments.js';
import { importUsers } from '../../../src/tools/import/import-users.js';
import { coursesWithDrift } from '../../support/courses-with-drift.js';
import { describeOnEach, freshDatabase } from '../../support/databases.js';
import { textSource } from '../../support/text-source.js';

async function written(database: Database, table: ExportedTable, options: ExportOptions): Promise<string> {
  let text = '';
  await writeExport(database, operator, table, piece => Promise.resolve(void (text += piece)), options);
  return text;
}

/** Returns all rows without their ids, by which they are ordered. */
async function allRows(database: Database): Promise<unknown[][]> {
  const em = database.em.fork();
  const users = await em.findAll(User, { orderBy: { id: 'asc' } });
  const courses = await em.findAll(Course, { orderBy: { id: 'asc' }, populate: ['instructor'] });
  const enrollments = await em.findAll(Enrollment, { orderBy: { id: 'asc' }, populate: ['course', 'student'] });
  return [
    users.map(({ name, email, role, createdAt }) => [name, email, role, createdAt]),
    courses.map(({ title, description, status, isPublished, capacity, instructor, createdAt, totalEnrollments }) => [
      title,
      description,
      status,
      isPublished,
      capacity,
      instructor?.unwrap().email,
      createdAt,
      totalEnrollments,
    ]),
    enrollments.map(({ course, student, status, enrolledAt }) => [
      course.unwrap().title,
      student.unwrap().email,
      status,
      enrolledAt,
    ]),
  ];
}

const visible = (text: string): boolean => text.trim() !== '' && text.isWellFormed();

const line = fc
  .oneof(
    fc.string({ unit: 'grapheme', maxLength: 12 }),
    fc.string({ unit: fc.constantFrom(...` "',;|=+-@＝a`), maxLength: 8 }),
  )
  // eslint-disable-next-line no-control-regex
  .filter(text => visible(text) && !/[\u0000-\u001f\u007f-\u009f]/u.test(text));

const lines = fc
  .array(fc.oneof(line, fc.constantFrom('\n', '\r\n', '\r', '\t', '"')), { minLength: 1, maxLength: 30 })
  .map(parts => parts.join(''));

const moment = fc.date({ min: new Date('1970-01-02'), max: new Date('2037-12-31'), noInvalidDate: true });

const school = fc.record({
  people: fc.array(fc.record({ name: line, role: fc.constantFrom(...Object.values(Role)), createdAt: moment }), {
    minLength: 1,
    maxLength: 5,
  }),
  courses: fc.uniqueArray(
    fc.record({
      // Not even a database that compares titles blind to case sees two of them as equal.
      title: line,
      description: fc.option(lines),
      status: fc.constantFrom(...Object.values(CourseStatus)),
      isPublished: fc.boolean(),
      capacity: fc.option(fc.integer({ min: 10, max: 2 ** 31 - 1 })),
      createdAt: moment,
    }),
    { selector: ({ title }) => title, minLength: 1, maxLength: 5 },
  ),
  // The first pair is enrolled: JSON Lines without a line name no columns, and are refused.
  statuses: fc
    .array(fc.constantFrom(null, ...Object.values(EnrollmentStatus)), { minLength: 24, maxLength: 24 })
    .map(others => [EnrollmentStatus.DROPPED, ...others]),
  enrolledAt: moment,
});

type School = typeof school extends fc.Arbitrary<infer Value> ? Value : never;

async function fill(database: Database, { people, courses, statuses, enrolledAt }: School): Promise<void> {
  const em = database.em.fork();
  const users = people.map((person, index) => em.create(User, { ...person, email: `+s${index}@example.org` }));
  const instructor = users.find(({ role }) => role !== Role.STUDENT);
  await em.flush();
  const made = courses.map(course =>
    em.create(Course, {
      ...course,
      instructor: instructor ? em.getReference(User, instructor.id, { wrapped: true }) : null,
    }),
  );
  await em.flush();
  statuses.forEach((status, index) => {
    const [course, student] = [made[Math.floor(index / 5)], users[index % 5]];
    if (!status || !course || !student) return;
    em.create(Enrollment, {
      course: em.getReference(Course, course.id, { wrapped: true }),
      student: em.getReference(User, student.id, { wrapped: true }),
      status,
      enrolledAt,
    });
  });
  await em.flush();
}

async function empty(database: Database): Promise<void> {
  const em = database.em.fork();
  for (const entity of [Enrollment, Course, User]) {
    em.remove(await em.find(entity as typeof User, {}));
    await em.flush();
    em.clear();
  }
}

describeOnEach('exports and imports', kind => {
  it('importing an export gives the same rows back, whatever their texts, and importing it again changes nothing', async () => {
    const [from, to] = [await freshDatabase(kind), await freshDatabase(kind)];
    await fc.assert(
      fc.asyncProperty(school, fc.constantFrom('csv', 'jsonl'), fc.boolean(), async (rows, format, guarded) => {
        for (const { database } of [from, to]) await empty(database);
        await fill(from.database, rows);
        const before = await allRows(from.database);
        const bad: BadRow[] = [];
        const options = { onBadRow: (one: BadRow) => bad.push(one), form: { guarded } };
        const texts = await Promise.all(
          [exportedUsers, exportedCourses, exportedEnrollments('name')].map(table =>
            written(from.database, table, { format, guarded }),
          ),
        );
        const [users, courses, enrollments] = texts.map(text => textSource(text));
        for (const round of ['added', 'alreadyThere'] as const) {
          const results = [
            await importUsers(to.database, users!, options),
            await importCourses(to.database, courses!, options),
            await importEnrollments(to.database, enrollments!, { ...options, matching: { courses: 'title' } }),
          ];
          expect(bad).toEqual([]);
          expect(results.map(result => result[round])).toEqual(before.map(({ length }) => length));
          expect(await allRows(to.database)).toEqual(before);
        }
        expect(await coursesWithDrift(to.database)).toEqual([]);
      }),
      { numRuns: kind === 'sqlite' ? 40 : 8 },
    );
    await from.drop();
    await to.drop();
  });

  it('an export has all rows of several pages, as one moment has them', async () => {
    const { database, drop } = await freshDatabase(kind);
    const em = database.em.fork();
    for (let index = 0; index < 2001; index++) em.create(User, { name: `N${index}`, email: `n${index}@example.org` });
    await em.flush();
    let [text, pieces] = ['', 0];
    const rows = await writeExport(
      database,
      operator,
      exportedUsers,
      async piece => {
        text += piece;
        pieces += 1;
        // SQLite's own connection is in the snapshot's transaction.
        if (pieces !== 2) return;
        const other = database.em.fork();
        other.create(User, { name: 'Late', email: 'late@example.org' });
        await other.flush();
      },
      { format: 'csv' },
    );
    expect([rows, pieces, text.split('\n').length]).toEqual([2001, 4, 2003]);
    expect(text.startsWith('name,email,role,created_at\nN0,n0@example.org,student,')).toBe(true);
    expect(text).not.toContain('Late');
    await drop();
  });
});

it('an export that is told to stop ends after its page, and says that it is not whole', async () => {
  const { database, drop } = await freshDatabase('sqlite');
  const em = database.em.fork();
  for (let index = 0; index < 2001; index++) em.create(User, { name: `N${index}`, email: `n${index}@example.org` });
  await em.flush();
  const stopping = new AbortController();
  const pieces: string[] = [];
  const rows = await writeExport(
    database,
    operator,
    exportedUsers,
    piece => {
      // The names of the columns are the first piece.
      if (pieces.push(piece) === 2) stopping.abort();
      return Promise.resolve();
    },
    { format: 'csv', signal: stopping.signal },
  );
  expect([rows, pieces.length]).toEqual([null, 2]);
  await drop();
});

it('no cell of a CSV export begins as a formula does, unless that is asked for', async () => {
  const { database, drop } = await freshDatabase('sqlite');
  const em = database.em.fork();
  for (const [index, title] of ['=1+1', '+1', '-1', '@x', "'=1", 'a=1', '＝1'].entries())
    em.create(Course, { title, description: `\t${index}`, createdAt: new Date('2026-01-01') });
  await em.flush();
  const titles = (text: string): string[] =>
    text
      .split('\n')
      .slice(1, -1)
      .map(row => row.split(',')[0]!);
  expect(titles(await written(database, exportedCourses, { format: 'csv' }))).toEqual([
    "'=1+1",
    "'+1",
    "'-1",
    "'@x",
    "''=1",
    'a=1',
    "'＝1",
  ]);
  const bare = await written(database, exportedCourses, { format: 'csv', guarded: false });
  expect(titles(bare)).toEqual(['=1+1', '+1', '-1', '@x', "'=1", 'a=1', '＝1']);
  const [json] = (await written(database, exportedCourses, { format: 'jsonl' })).split('\n');
  expect(JSON.parse(json!)).toEqual({
    title: '=1+1',
    description: '\t0',
    status: 'draft',
    is_published: false,
    capacity: null,
    instructor: null,
    created_at: '2026-01-01T00:00:00.000Z',
  });
  await drop();
});
