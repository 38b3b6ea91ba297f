import { afterEach, beforeEach, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../../src/database/database.js';
import type { DatabaseKind } from '../../../src/database/dialects/dialect.js';
import { Course, CourseStatus, Enrollment, EnrollmentStatus, Role, User } from '../../../src/entities/index.js';
import { checkDatabase } from '../../../src/tools/adopt/check/check-database.js';
import { copyDatabase, type CopyRemark, type CopyResult } from '../../../src/tools/adopt/copy/copy-database.js';
import { findTables } from '../../../src/database/schema/found-tables.js';
import { TheirDatabase } from '../../../src/tools/adopt/found/their-database.js';
import { guessedMap } from '../../../src/tools/adopt/map/load-map.js';
import { mapForm, type DatabaseMap } from '../../../src/map/map-form.js';
import { describeOnEach, freshDatabase, freshUrl } from '../../support/databases.js';
import { djangoCourses, djangoEnrollments, djangoTables, djangoUsers } from '../../support/django-tables.js';

/** What the check of the last test says, apart from the lists of columns. */
const foretold = [
  'ok tables: The enrollments are in core_enrollments, which has 4 rows.',
  'ok columns: core_user: id ← id, name ← first_name and last_name, else username, else email, email ← email, else id, role ← role, createdAt ← created_at, updatedAt ← updated_at.',
  'warning missing: No column is mapped to some fields; a copy writes instead: courses.capacity: no limit of seats.',
  'warning required: core_enrollments has columns that must be filled and that no field maps to: progress, certificate_issued. A copy leaves their values behind.',
  'warning unique: core_enrollments has no unique key on (course_id, student_id). A student may be in a course several times there; Rollcall allows one.',
  'ok cascades: No foreign key between these tables changes rows when others are deleted.',
  'ok ids: All keys can be copied as they are. The highest: core_user 4, core_course 2, core_enrollments 4.',
  'ok values: core_user.role (role), with the number of rows: STUDENT ← "student" 3; STUDENT, as inactive ← "dean" 1.',
  'warning values: core_course.status (status) has values that the map does not name: "On review" 1. A copy rejects 1 row.',
  'warning values: core_enrollments.status (status) has values that the map does not name: "paid" 1. A copy rejects 1 row.',
  'ok values: core_course.is_published (isPublished), with the number of rows: true ← "1" 2.',
  'warning duplicates: Some students are in a course several times: 1 row too many, such as course 1, student 1 (2). A copy keeps the row with the lowest id of each, and rejects the others.',
  'ok references: All references lead to a row.',
  'warning emails: Users without an email: 1. A copy gives each an address that reaches nobody.',
  'warning emails: Some users share an email: 1 user too many, such as "user1@school.example" (2). The user with the lowest id keeps it; a copy gives the others an address that reaches nobody.',
  'warning inactive: Inactive users, by core_user.is_active: 1. A copy keeps them, with their enrollments, as students, so that none has the rights of a teacher or an admin.',
  'warning counts: core_course.total_enrollments drifts in 1 course: course 1 stores 4 and has 3. A copy counts the rows.',
];

/** What gives courses and an enrollment moments and texts that we cannot have, as far as the database can have such. */
const others: Readonly<Record<DatabaseKind, readonly string[]>> = {
  sqlite: [
    "update core_course set description = 'a' || char(0) where id = 8",
    "update core_course set created_at = '2024-02-31 10:00:00', updated_at = '' where id = 6",
    "update core_enrollments set enrolled_at = 'yesterday' where id = 5",
  ],
  mysql: [
    "update core_course set description = concat('a', char(0)) where id = 8",
    "update core_course set created_at = '0999-12-31 10:00:00' where id = 6",
    "update core_enrollments set enrolled_at = '0001-01-01' where id = 5",
  ],
  mariadb: [
    "update core_course set description = concat('a', char(0)) where id = 8",
    "update core_course set created_at = '0999-12-31 10:00:00' where id = 6",
    "update core_enrollments set enrolled_at = '0001-01-01' where id = 5",
  ],
  postgresql: [
    "update core_course set created_at = '-infinity' where id = 6",
    "update core_enrollments set enrolled_at = '10000-01-01' where id = 5",
  ],
};

/** Returns the ids of the courses whose stored counts do not equal the rows, by SQL of its own. */
async function drifting(database: Database): Promise<unknown[]> {
  return database.em.fork().execute(
    `select id from core_course c where total_enrollments <> (select count(*) from core_enrollments e where e.course_id = c.id)
      or active_enrollments <> (select count(*) from core_enrollments e where e.course_id = c.id and e.status = 'active')`,
  );
}

describeOnEach("a copy of a Django app's database", kind => {
  let source: { url: string; drop: () => Promise<void> };
  let theirs: TheirDatabase;
  let target: Awaited<ReturnType<typeof freshDatabase>>;

  beforeEach(async () => {
    source = freshUrl(kind);
    target = await freshDatabase(kind);
  });

  afterEach(async () => {
    await theirs.database.close(true);
    await source.drop();
    await target.drop();
  });

  async function brought(...statements: readonly string[]): Promise<void> {
    theirs = new TheirDatabase(await openDatabase(source.url));
    await changed(...statements);
  }

  async function changed(...statements: readonly string[]): Promise<void> {
    for (const statement of statements) await theirs.database.em.getConnection().execute(statement, [], 'run');
  }

  async function copied(map: DatabaseMap): Promise<{ result: CopyResult; remarks: string[] }> {
    const remarks: CopyRemark[] = [];
    const result = await copyDatabase(theirs, map, target.database, {
      onRejected: remark => remarks.push(remark),
      onNote: remark => remarks.push(remark),
    });
    return { result, remarks: remarks.map(({ table, id, code }) => `${table} ${id} ${code}`) };
  }

  const guessed = async (): Promise<DatabaseMap> => guessedMap(theirs, await findTables(theirs.database));

  async function all<Row extends object>(entity: new () => Row): Promise<Row[]> {
    return target.database.em.fork().find(entity as never, {}, { orderBy: { id: 'asc' } as never });
  }

  it("a copy of a Django app's database keeps ids, values and moments of clean rows, and counts the enrollments", async () => {
    await brought(
      ...djangoTables(kind),
      djangoUsers([
        {
          id: 3,
          username: 'ada',
          firstName: 'Ada',
          lastName: 'Lovelace',
          email: 'ada@school.example',
          role: 'teacher',
        },
        { id: 7, username: 'bob' },
        { id: 9_000_000_001, username: 'cleo', firstName: 'Cleo', role: 'admin' },
      ]),
      djangoCourses([
        { id: 5, title: "Python, d'abord", instructor: 3, totalEnrollments: 40 },
        { id: 8, status: 'draft', isPublished: false },
        { id: 5_000_000_000, status: 'archived', isPublished: false },
      ]),
      djangoEnrollments([
        [11, 5, 7],
        [12, 5, 9_000_000_001, 'completed'],
        [6_000_000_000, 5_000_000_000, 7, 'dropped'],
      ]),
    );
    const { result, remarks } = await copied(await guessed());
    expect(remarks).toEqual([]);
    expect(result).toEqual({
      outcome: 'finished',
      parts: {
        users: { table: 'core_user', rows: 3, added: 3, alreadyThere: 0, rejected: 0 },
        courses: { table: 'core_course', rows: 3, added: 3, alreadyThere: 0, rejected: 0 },
        enrollments: { table: 'core_enrollments', rows: 3, added: 3, alreadyThere: 0, rejected: 0 },
      },
    });
    const first = new Date('2024-01-31T08:15:30.123Z');
    expect(await all(User)).toMatchObject([
      {
        id: 3,
        name: 'Ada Lovelace',
        email: 'ada@school.example',
        role: Role.TEACHER,
        createdAt: first,
        updatedAt: first,
      },
      { id: 7, name: 'bob', email: 'bob@school.example', role: Role.STUDENT },
      { id: 9_000_000_001, name: 'Cleo', role: Role.ADMIN },
    ]);
    expect(await all(Course)).toMatchObject([
      {
        id: 5,
        title: "Python, d'abord",
        description: 'All of it.',
        status: CourseStatus.ACTIVE,
        isPublished: true,
        capacity: null,
        totalEnrollments: 2,
        activeEnrollments: 1,
        createdAt: first,
      },
      { id: 8, status: CourseStatus.DRAFT, isPublished: false, totalEnrollments: 0 },
      { id: 5_000_000_000, status: CourseStatus.ARCHIVED, totalEnrollments: 1, activeEnrollments: 0 },
    ]);
    expect(await all(Enrollment)).toMatchObject([
      { id: 11, status: EnrollmentStatus.ACTIVE, enrolledAt: new Date('2025-02-28T23:59:59.999Z') },
      { id: 12, status: EnrollmentStatus.COMPLETED },
      { id: 6_000_000_000, status: EnrollmentStatus.DROPPED },
    ]);
    expect(await drifting(target.database)).toEqual([]);
    // The next rows get keys of their own.
    const em = target.database.em.fork();
    const user = em.create(User, { name: 'New', email: 'new@school.example' });
    await em.flush();
    expect(user.id).toBeGreaterThan(9_000_000_001);
  });

  it("a copy of a Django app's database names each row that it rejects or changes, and copies all others", async () => {
    await brought(
      ...djangoTables(kind, { uniquePair: false }),
      djangoUsers([
        { id: 1, email: 'a@school.example' },
        { id: 2, email: 'A@school.example', firstName: 'Second' },
        { id: 3, email: '' },
        { id: 4, role: 'dean' },
        { id: 5, role: ' Teacher', isActive: false },
      ]),
      djangoCourses([
        { id: 1, instructor: 4, totalEnrollments: 1 },
        { id: 2, status: 'Published', totalEnrollments: 4 },
        { id: 3, status: 'on review' },
        { id: 4, title: '  ' },
      ]),
      djangoEnrollments([
        [1, 1, 1],
        [2, 1, 1, 'dropped'],
        [3, 2, 1, 'ACTIVE'],
        [4, 2, 2, 'paid'],
        [5, 2, 3, ''],
        [6, 3, 1],
        [7, 2, 4],
        [8, 2, 5],
      ]),
    );
    const { result, remarks } = await copied(await guessed());
    expect(remarks).toEqual([
      'core_user 4 UNKNOWN_VALUE',
      'core_user 2 EMAIL_REPLACED',
      'core_course 3 UNKNOWN_VALUE',
      'core_course 4 MISSING_VALUE',
      'core_course 1 UNKNOWN_INSTRUCTOR',
      'core_enrollments 4 UNKNOWN_VALUE',
      'core_enrollments 5 UNKNOWN_VALUE',
      'core_enrollments 2 DUPLICATE',
      'core_enrollments 6 UNKNOWN_COURSE',
      'core_enrollments 7 UNKNOWN_STUDENT',
    ]);
    expect(result.parts).toMatchObject({
      users: { added: 4, rejected: 1 },
      courses: { added: 2, rejected: 2 },
      enrollments: { added: 3, rejected: 5 },
    });
    expect(await all(User)).toMatchObject([
      { id: 1, email: 'a@school.example' },
      { id: 2, email: 'user-2@rollcall.invalid' },
      { id: 3, email: 'user-3@rollcall.invalid' },
      { id: 5, role: Role.STUDENT },
    ]);
    expect(
      (await all(Course)).map(({ totalEnrollments, activeEnrollments }) => [totalEnrollments, activeEnrollments]),
    ).toEqual([
      [1, 1],
      [2, 2],
    ]);
    expect(await drifting(target.database)).toEqual([]);
  });

  const does = kind === 'sqlite' ? 'ends before' : 'rejects, and copies all but,';
  it(`${does} a row whose key is a number that JavaScript cannot hold`, async () => {
    const beyond = '9007199254740993';
    await brought(...djangoTables(kind), djangoUsers([{ id: 1 }, { id: beyond }]), djangoCourses([{ id: 1 }]));
    const copying = copied(await guessed());
    if (kind === 'sqlite') {
      // Its driver reads no such row at all.
      await expect(copying).rejects.toThrow(`The database holds ${beyond}`);
      return;
    }
    expect(await copying).toMatchObject({
      remarks: [`core_user ${beyond} BAD_ID`],
      result: { parts: { users: { rows: 2, added: 1, rejected: 1 }, courses: { added: 1 } } },
    });
  });

  it("a copy of a Django app's database adds nothing when it is repeated, goes on where it was interrupted, and does not mix with other rows", async () => {
    await brought(
      ...djangoTables(kind),
      djangoUsers(Array.from({ length: 1100 }, (_, index) => ({ id: index + 1 }))),
      djangoCourses([{ id: 1 }, { id: 2 }]),
      djangoEnrollments(Array.from({ length: 1100 }, (_, index) => [index + 1, 1 + (index % 2), index + 1])),
    );
    const map = await guessed();
    const controller = new AbortController();
    const stopped = await copyDatabase(theirs, map, target.database, {
      // After the first of the two batches of users.
      onProgress: () => controller.abort(),
      onRejected: () => expect.unreachable(),
      onNote: () => expect.unreachable(),
      signal: controller.signal,
    });
    expect(stopped).toMatchObject({ outcome: 'interrupted', parts: { users: { added: 1000 }, courses: { added: 0 } } });
    const second = await copied(map);
    expect(second).toMatchObject({
      remarks: [],
      result: { parts: { users: { added: 100, alreadyThere: 1000 }, enrollments: { added: 1100, alreadyThere: 0 } } },
    });
    expect((await copied(map)).result.parts).toMatchObject({
      users: { added: 0, alreadyThere: 1100 },
      courses: { added: 0, alreadyThere: 2 },
      enrollments: { added: 0, alreadyThere: 1100, rejected: 0 },
    });
    expect(await drifting(target.database)).toEqual([]);
    // Another application's rows with the same ids.
    await changed(
      "update core_user set email = 'other@school.example' where id = 2",
      "update core_course set title = 'Another' where id = 2",
      'update core_enrollments set course_id = 2 where id = 1',
    );
    expect((await copied(map)).remarks).toEqual([
      'core_user 2 OTHER_ROW',
      'core_course 2 OTHER_ROW',
      'core_enrollments 1 OTHER_ROW',
    ]);
  });

  it("a copy of a Django app's database rejects as many rows as a check has foretold, for every kind of value that it rejects", async () => {
    const long = 'x'.repeat(256);
    await brought(
      ...djangoTables(kind).map(sql =>
        // Wider than ours, compared without case and accents where a collation does so, and with any moment.
        sql
          .replaceAll(/varchar\((?:150|200|254)\) not null/g, 'varchar(300) not null')
          .replaceAll('status varchar(20)', `status varchar(20)${kind === 'sqlite' ? ' collate nocase' : ''}`)
          .replace('rating numeric(3, 2) not null', 'rating numeric(3, 2) not null, seats numeric(12, 1) null'),
      ),
      djangoUsers([
        { id: 1 },
        { id: 2, username: '\t ', email: '' },
        { id: 3, username: long, email: 'three@school.example' },
        { id: 4, email: `${long}@school.example` },
        { id: 5, email: ' \t ' },
        { id: 6, role: 'dean' },
        { id: 7, role: 'Dean' },
        { id: 8, role: 'dean', isActive: false },
      ]),
      djangoCourses([
        { id: 1, totalEnrollments: 2 },
        { id: 2, title: ' \n' },
        { id: 3, title: long },
        { id: 4, status: 'Públished' },
        { id: 5 },
        { id: 6 },
        { id: 7, title: 'é'.repeat(255) },
        { id: 8 },
      ]),
      djangoEnrollments([
        [1, 1, 1, 'active'],
        [2, 1, 5, 'ACTIVE'],
        [3, 5, 1, 'Áctive'],
        [4, 5, 5, 'active'],
        [5, 5, 8, 'active'],
      ]),
      'update core_course set seats = 2.5 where id = 5',
      'update core_course set seats = 30 where id in (1, 7)',
      ...others[kind],
    );
    const map = await guessed();
    map.courses.columns.capacity = 'seats';
    map.enrollments.columns.status = { column: 'status', values: { ACTIVE: ['active'] } };
    map.users.columns.role = { column: 'role', values: { STUDENT: ['student'] } };
    const tables = await findTables(theirs.database);
    const rejections: Record<string, string[]> = {};
    let rows = 0;
    for await (const { check, status, message } of checkDatabase({ theirs, tables, map })) {
      expect([check, status, message]).not.toContain('failed');
      const rejects = /A copy rejects (\d+ rows?|it|them)\.$/.exec(message);
      if (!rejects) continue;
      rows += Number(/\d+/.exec(rejects[1]!)?.[0] ?? / in (\d+) rows?, such as/.exec(message)![1]);
      (rejections[check] ??= []).push(message);
    }
    const fields = rejections['fields']!.map(
      message => / (\(\w+\) .*) in 1 row, such as/.exec(message)?.[1] ?? message,
    );
    expect(fields.toSorted()).toEqual([
      '(capacity) is no whole number from 0 to 2147483647',
      '(createdAt) has a moment that is not in the years 1000 to 9999',
      ...(kind === 'postgresql' ? [] : ['(description) has a NUL or half a character']),
      '(email) is too long',
      '(enrolledAt) has a moment that is not in the years 1000 to 9999',
      '(name) is empty',
      '(name) is too long',
      '(title) is empty',
      '(title) is too long',
    ]);
    expect(rejections['values']).toEqual([
      'core_user.role (role) has values that the map does not name: "Dean" 1, "dean" 1. A copy rejects 2 rows.',
      'core_course.status (status) has values that the map does not name: "Públished" 1. A copy rejects 1 row.',
      'core_enrollments.status (status) has values that the map does not name: "Áctive" 1. A copy rejects 1 row.',
    ]);
    const { result, remarks } = await copied(map);
    // Those that are rejected because of another row, which was, are not foretold by their own values.
    const ofOthers = remarks.filter(remark => /UNKNOWN_(COURSE|STUDENT|INSTRUCTOR)$/.test(remark));
    const rejected = Object.values(result.parts).reduce((sum, part) => sum + part.rejected, 0);
    expect({ rows, remarks }).toEqual({ rows: rejected - ofOthers.length, remarks: expect.any(Array) });
  });

  it("a copy of a Django app's database is foretold by a check, which changes nothing", async () => {
    await brought(
      ...djangoTables(kind, { uniquePair: false }),
      djangoUsers([
        { id: 1 },
        { id: 2, email: 'USER1@school.example' },
        { id: 3, email: ' ' },
        { id: 4, role: 'dean', isActive: false },
      ]),
      djangoCourses([
        { id: 1, totalEnrollments: 4 },
        { id: 2, status: 'On review', totalEnrollments: 1 },
      ]),
      djangoEnrollments([
        [1, 1, 1],
        [2, 1, 1, 'Active'],
        [3, 1, 2, 'paid'],
        [4, 2, 2, 'completed'],
      ]),
    );
    const tables = await findTables(theirs.database);
    const map = await guessed();
    const found: string[] = [];
    for await (const { check, status, message } of checkDatabase({ theirs, tables, map }))
      found.push(`${status} ${check}: ${message}`);
    expect(found).toEqual(expect.arrayContaining(foretold));
    expect(found.find(line => line.startsWith('ok indexes: '))).toMatch(
      /lack some indexes .*core_course: .*core_enrollments: .*enrolled_at_index/,
    );
    expect(found.filter(line => line.startsWith('failed'))).toEqual([]);
    expect(mapForm.parse(JSON.parse(JSON.stringify(map)))).toEqual(map);
  });
});
