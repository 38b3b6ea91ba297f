import { expect, it } from 'vitest';
import { Course, CourseStatus, Enrollment, EnrollmentStatus, User } from '../../../src/entities/index.js';
import type { Database } from '../../../src/database/database.js';
import type { BadRow } from '../../../src/tools/import/bad-row.js';
import { importEnrollments, type EnrollmentImportOptions } from '../../../src/tools/import/import-enrollments.js';
import type { ImportResult } from '../../../src/tools/import/run-import.js';
import { describeOnEach, freshDatabase } from '../../support/databases.js';
import { coursesWithDrift } from '../../support/courses-with-drift.js';
import { addCourses } from '../../support/rows.js';
import { textSource } from '../../support/text-source.js';

/**
 * Makes courses 1 (Algebra), 2 (Optics, two seats), 3 and 4 (both Poetry), and 50 students, the first two with known
 * emails.
 */
async function school(database: Database): Promise<void> {
  const em = database.em.fork();
  for (const [title, capacity] of [
    ['Algebra', null],
    ['Optics', 2],
    ['Poetry', null],
    ['Poetry', null],
  ] as const) {
    em.create(Course, { title, capacity, status: CourseStatus.ACTIVE });
    await em.flush();
  }
  for (let number = 1; number <= 50; number++)
    em.create(User, { name: `Student ${number}`, email: `s${number}@example.org` });
  await em.flush();
}

function bench(
  database: Database,
): (text: string, options?: EnrollmentImportOptions) => Promise<ImportResult & { reasons: string[] }> {
  return async (text, options) => {
    const found: BadRow[] = [];
    const result = await importEnrollments(database, textSource(text), {
      ...options,
      onBadRow: bad => found.push(bad),
    });
    expect(await coursesWithDrift(database)).toEqual([]);
    return { ...result, reasons: found.map(({ line, code }) => `${line} ${code}`) };
  };
}

function rows(database: Database): Promise<Enrollment[]> {
  return database.em.fork().find(Enrollment, {}, { orderBy: { course: 'asc', student: 'asc' } });
}

describeOnEach('importing enrollments', kind => {
  it('an import accepts a course by id or exact title, a student by id or email, a status in any case, and a moment', async () => {
    const { database, drop } = await freshDatabase(kind);
    await school(database);
    const run = bench(database);
    const text =
      'Status,STUDENT,course,teacher,enrolled_at\nDropped,1,Algebra,x,2024-02-29\n,s2@example.org,1,,2024-03-01T10:00:00+02:00\nSUSPENDED,S3@Example.org,2,,2024-03-01 10:00:00\n';
    expect(await run(text, { ignoredColumns: ['teacher'] })).toEqual({
      rows: 3,
      added: 3,
      alreadyThere: 0,
      bad: 0,
      outcome: 'finished',
      reasons: [],
    });
    expect(
      (await rows(database)).map(({ course, student, status, enrolledAt }) => [
        course.id,
        student.id,
        status,
        enrolledAt.toISOString(),
      ]),
    ).toEqual([
      [1, 1, EnrollmentStatus.DROPPED, '2024-02-29T00:00:00.000Z'],
      [1, 2, EnrollmentStatus.ACTIVE, '2024-03-01T08:00:00.000Z'],
      [2, 3, EnrollmentStatus.SUSPENDED, '2024-03-01T10:00:00.000Z'],
    ]);
    await drop();
  });

  it('an import changes nothing when the same file is imported again, and counts duplicates in a file as existing', async () => {
    const { database, drop } = await freshDatabase(kind);
    await school(database);
    const run = bench(database);
    const text = 'course,student\n1,1\n1,2\n1,1\n3,1\n';
    expect(await run(text)).toMatchObject({ added: 3, alreadyThere: 1, bad: 0 });
    const before = await rows(database);
    expect(await run(text)).toMatchObject({ added: 0, alreadyThere: 4, bad: 0 });
    expect(await rows(database)).toEqual(before);
    await drop();
  });

  it('an import reports each bad row with its line and reason, and imports the others', async () => {
    const { database, drop } = await freshDatabase(kind);
    await school(database);
    const text = [
      'course,student,status,enrolled_at',
      '1,1,active,',
      '99,1,,',
      'Poetry,1,,',
      'algebra,1,,',
      '1,99,,',
      '1,nobody@example.org,,',
      '1,Ada,,',
      '1,2,enrolled,',
      '1,2,,31.01.2024',
      ',2,,',
      '1, ,,',
      '1,2',
      '',
      '1,"2"x,,',
      '1,3,,',
      `1,${'9'.repeat(300_000)},,`,
      '1,"open,,',
      '99999999999999999999,1,,',
      '1,4,,0999-01-01',
      '1,4,completed,2024-01-31T12:00',
    ].join('\r\n');
    expect(await bench(database)(text)).toEqual({
      rows: 19,
      added: 3,
      alreadyThere: 0,
      bad: 16,
      outcome: 'finished',
      reasons: [
        '3 UNKNOWN_COURSE',
        '4 AMBIGUOUS_COURSE',
        '5 UNKNOWN_COURSE',
        '6 UNKNOWN_STUDENT',
        '7 UNKNOWN_STUDENT',
        '8 UNKNOWN_STUDENT',
        '9 BAD_STATUS',
        '10 BAD_DATE',
        '11 MISSING_VALUE',
        '12 MISSING_VALUE',
        '13 COLUMNS',
        '15 QUOTING',
        '17 TOO_LONG',
        '18 QUOTING',
        '19 UNKNOWN_COURSE',
        '20 BAD_DATE',
      ],
    });
    await drop();
  });

  it('an import accepts a number as an id or a title, and enrolls nobody where it is both, of two courses', async () => {
    const { database, drop } = await freshDatabase(kind);
    await school(database);
    const courses = await addCourses(database, [{ title: '1' }, { title: '2026' }]);
    expect(await bench(database)('course,student\n1,1\n2026,1\n2,1\n')).toMatchObject({
      added: 2,
      bad: 1,
      reasons: ['2 AMBIGUOUS_COURSE'],
    });
    expect((await database.em.fork().findAll(Enrollment)).map(({ course }) => course.id).toSorted()).toEqual(
      [2, courses[1]].toSorted(),
    );
    await drop();
  });

  it('an import treats a row that contains a NUL as bad, and imports the others', async () => {
    const { database, drop } = await freshDatabase(kind);
    await school(database);
    expect(await bench(database)('course,student\n1\0,1\n1,a\0@example.org\n1,1\n')).toMatchObject({
      added: 1,
      bad: 2,
      reasons: ['2 ENCODING', '3 ENCODING'],
    });
    await drop();
  });

  it('an import enrolls nobody by an email of two users, as a database of another application may have, and names both', async () => {
    const { database, drop } = await freshDatabase(kind);
    await school(database);
    const em = database.em.fork();
    await em.execute(
      {
        sqlite: 'drop index core_user_email_unique',
        mysql: 'alter table core_user drop index core_user_email_unique',
        mariadb: 'alter table core_user drop index core_user_email_unique',
        postgresql: 'alter table core_user drop constraint core_user_email_unique',
      }[kind],
    );
    const [{ email }] = await em.execute<[{ email: string }]>('select email from core_user where id = 1');
    await em.execute(`update core_user set email = '${email}' where id = 3`);
    expect(await bench(database)(`course,student\n1,${email}\n1,1\n1,2\n`)).toMatchObject({
      added: 2,
      bad: 1,
      reasons: ['2 AMBIGUOUS_STUDENT'],
    });
    expect((await rows(database)).length).toBe(2);
    await drop();
  });

  it('an import never brings ACTIVE enrollments above the capacity of a course, and other statuses take no seat', async () => {
    const { database, drop } = await freshDatabase(kind);
    await school(database);
    const run = bench(database);
    expect(await run('course,student,status\n2,1,\n2,2,dropped\n2,3,\n2,4,\n2,5,suspended\n')).toMatchObject({
      added: 4,
      bad: 1,
      reasons: ['5 COURSE_FULL'],
    });
    expect(await run('course,student\n2,1\n2,2\n2,6\n')).toMatchObject({
      added: 0,
      alreadyThere: 2,
      bad: 1,
      reasons: ['4 COURSE_FULL'],
    });
    expect(await database.em.fork().findOneOrFail(Course, 2)).toMatchObject({
      activeEnrollments: 2,
      totalEnrollments: 4,
    });
    await drop();
  });

  it('a strict import writes nothing when any row is bad, however late', async () => {
    const { database, drop } = await freshDatabase(kind);
    await school(database);
    const run = bench(database);
    const many = Array.from({ length: 2000 }, (_, index) => `${1 + (index % 2) * 2},${1 + (index % 50)}`).join('\n');
    expect(await run(`course,student\n${many}\n77,1\n`, { strict: true })).toMatchObject({
      rows: 2001,
      added: 0,
      bad: 1,
      outcome: 'refused',
      reasons: ['2002 UNKNOWN_COURSE'],
    });
    expect(await rows(database)).toEqual([]);
    expect(await run(`course,student\n${many}\n`, { strict: true })).toMatchObject({
      rows: 2000,
      added: 50,
      alreadyThere: 1950,
      bad: 0,
      outcome: 'finished',
    });
    await drop();
  });

  it('a strict import sees seats and pairs of earlier batches, though none is written yet', async () => {
    const { database, drop } = await freshDatabase(kind);
    await school(database);
    const run = bench(database);
    const filler = Array.from({ length: 1500 }, () => '1,1').join('\n');
    const seats = `course,student\n2,1\n2,2\n${filler}\n`;
    expect(await run(`${seats}2,1\n2,3\n`, { strict: true })).toMatchObject({
      bad: 1,
      outcome: 'refused',
      reasons: ['1505 COURSE_FULL'],
    });
    expect(await rows(database)).toEqual([]);
    expect(await run(`${seats}2,1\n`, { strict: true })).toMatchObject({ added: 3, bad: 0, outcome: 'finished' });
    await drop();
  });

  it('an import ends after the current batch when it is interrupted, and goes on when it is run again', async () => {
    const { database, drop } = await freshDatabase(kind);
    await school(database);
    const run = bench(database);
    const text = `course,student\n${Array.from({ length: 3000 }, (_, index) => `${[1, 3, 4][index % 3]},${1 + (index % 50)}`).join('\n')}\n`;
    const controller = new AbortController();
    const first = await run(text, { signal: controller.signal, onProgress: () => controller.abort() });
    expect(first).toMatchObject({ outcome: 'interrupted', added: 150, bad: 0 });
    expect(first.rows).toBeLessThan(1500);
    expect(await run(text)).toMatchObject({ outcome: 'finished', rows: 3000, added: 0, alreadyThere: 3000 });
    await drop();
  });

  it('several imports and other enrollments at once keep counts and capacity exact', async () => {
    const { database, drop } = await freshDatabase(kind);
    await school(database);
    const imports = [0, 1, 2, 3].map(part => {
      const lines = Array.from(
        { length: 100 },
        (_, index) => `${1 + ((index + part) % 4)},${1 + ((index * 7 + part) % 50)}`,
      );
      return importEnrollments(database, textSource(`course,student\n${lines.join('\n')}\n`));
    });
    const results = await Promise.all(imports);
    expect(results.reduce((sum, { added }) => sum + added, 0)).toBe((await rows(database)).length);
    expect(await coursesWithDrift(database)).toEqual([]);
    expect(await database.em.fork().findOneOrFail(Course, 2)).toMatchObject({ activeEnrollments: 2 });
    await drop();
  });

  it('an import reports its progress by bytes', async () => {
    const { database, drop } = await freshDatabase(kind);
    await school(database);
    const text = `course,student\n${Array.from({ length: 2500 }, () => '1,1').join('\n')}\n`;
    const seen: number[][] = [];
    await bench(database)(text, { onProgress: ({ done, total, rows: count }) => seen.push([done, total, count]) });
    expect(seen).toEqual([
      [4011, text.length, 999],
      [8011, text.length, 1999],
      [text.length, text.length, 2500],
    ]);
    await drop();
  });
});
