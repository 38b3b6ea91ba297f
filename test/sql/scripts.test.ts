import { afterEach, beforeEach, expect, it } from 'vitest';
import { verify } from 'mikro-orm-counters';
import { openDatabase, type Database } from '../../src/database/database.js';
import { Course, Role } from '../../src/entities/index.js';
import { freshDatabase, freshUrl } from '../support/databases.js';
import { addCourses, addEnrollments, addUsers, allRows } from '../support/rows.js';
import { pipeTo, resultsOf } from '../support/sql-clients.js';
import {
  describeInClients,
  errorCodeOf,
  expectedSummary,
  expectedLines,
  updateScript,
  verifyScript,
} from './expected-lines.js';

const titles = [
  'plain',
  `it's "quoted" \`twice\``,
  'a\ttab',
  'two\nlines',
  'back\\slash \\t',
  'Ünïcødé 数学 🎓',
  ' spaces ',
  'pipe | comma, semicolon;',
  '-- comment',
  '',
  'NULL',
];

describeInClients('the SQL scripts', (client, kind) => {
  const verifying = verifyScript(kind);
  let database: Database;
  let url: string;
  let drop: () => Promise<void>;

  const run = (sql: string): Promise<unknown> => database.em.getConnection().execute(sql, [], 'run');

  beforeEach(async () => {
    ({ database, url, drop } = await freshDatabase(kind));
  });

  afterEach(() => drop());

  it('the SQL scripts list nothing and sum up nothing in an empty database', async () => {
    expect(await resultsOf(client, url, verifying)).toEqual([[{ courses: '0', mismatches: '0' }]]);
    expect(await resultsOf(client, url, updateScript(kind))).toEqual([[{ courses: '0', mismatches: '0' }]]);
  });

  it('the SQL scripts end with an error, not with a result, where the tables are missing', async () => {
    const empty = freshUrl(kind);
    const other = await openDatabase(empty.url);
    await other.schema.ensureDatabase();
    for (const text of [verifying, updateScript(kind)]) {
      const { code, stdout, stderr } = await pipeTo(client, empty.url, text).ended;
      expect({ code, stdout, stderr }).toEqual({
        code: errorCodeOf(client),
        stdout: '',
        stderr: expect.stringMatching(/core_(course|enrollments)/),
      });
    }
    await other.close(true);
    await empty.drop();
  });

  it('the SQL scripts stop at the first error, and can be run again', async () => {
    const [course] = await addCourses(database, [{}]);
    await run('update core_course set total_enrollments = 2');
    const servers = "for each row signal sqlstate '45000' set message_text = 'not now'";
    const refuse = {
      sqlite: "begin select raise(abort, 'not now'); end",
      mysql: servers,
      mariadb: servers,
      postgresql: 'for each row execute function refuse()',
    }[kind];
    if (kind === 'postgresql')
      await run("create function refuse() returns trigger language plpgsql as 'begin raise ''not now''; end'");
    await run(`create trigger refusing before update on core_course ${refuse}`);
    expect(await pipeTo(client, url, updateScript(kind)).ended).toEqual({
      code: errorCodeOf(client),
      stdout: '',
      stderr: expect.stringContaining('not now'),
    });
    await run(`drop trigger refusing${kind === 'postgresql' ? ' on core_course' : ''}`);
    const [lines] = await resultsOf(client, url, updateScript(kind));
    expect(lines).toMatchObject([
      { id: String(course), stored: '0', result: 'OK' },
      { stored: '0', result: 'OK' },
    ]);
  });

  it('the SQL scripts find every drift, too high or too low, of either counter, and repair it', async () => {
    const students = await addUsers(database, Role.STUDENT, 6);
    const courses = await addCourses(
      database,
      titles.map(title => ({ title })),
    );
    const statuses = ['active', 'completed', 'dropped', 'active', 'suspended'];
    await addEnrollments(
      database,
      courses
        .slice(2)
        .flatMap((course, index) =>
          students
            .slice(0, index % 7)
            .map((student, place) => ({ course, student, status: statuses[place % 5] as never })),
        ),
    );
    const exact = await allRows(database);
    await run(`update core_course set total_enrollments = 0 where id % 4 = 1`);
    await run(`update core_course set active_enrollments = active_enrollments + 9 where id % 3 = 0`);
    await run(`update core_course set total_enrollments = 4000000000, active_enrollments = 0 where id % 5 = 0`);

    const drifting = await allRows(database);
    const found = await expectedLines(database, 'MATCH');
    expect(new Set(found.map(({ title }) => title))).toEqual(new Set(titles));
    expect(
      new Set(
        found.map(
          ({ counter, result, stored, actual }) => `${counter} ${result} ${Math.sign(Number(stored) - Number(actual))}`,
        ),
      ).size,
    ).toBe(6);
    expect(await resultsOf(client, url, verifying)).toEqual([found, [expectedSummary(found)]]);
    expect(await allRows(database)).toEqual(drifting);
    expect(found.map(({ id, stored, actual }) => [id, stored, actual])).toEqual(await byEngine());

    const repaired = await resultsOf(client, url, updateScript(kind));
    expect(await allRows(database)).toEqual(exact);
    const lines = await expectedLines(database, 'OK');
    expect(lines.filter(({ result }) => result !== 'OK')).toEqual([]);
    expect(repaired).toEqual([lines, [expectedSummary(lines)]]);
    expect(await resultsOf(client, url, verifying)).toMatchObject([
      {},
      [{ courses: String(titles.length), mismatches: '0' }],
    ]);
  });

  async function byEngine(): Promise<string[][]> {
    const counts: string[][] = [];
    for await (const chunk of verify(database.em.fork(), Course, { all: true }))
      counts.push(...chunk.counts.map(({ key, stored, actual }) => [String(key[0]), String(stored), String(actual)]));
    return counts;
  }

  it('the SQL scripts find and repair the drift of 10,000 courses', async () => {
    const [student] = await addUsers(database, Role.STUDENT, 1);
    const made = kind === 'sqlite' ? "'course ' || n, 0, 0" : "concat('course ', n), now(), now()";
    const digits =
      'select 0 as d union all select 1 union all select 2 union all select 3 union all select 4 union all select 5 union all select 6 union all select 7 union all select 8 union all select 9';
    const numbers = `select a.d + 10 * b.d + 100 * c.d + 1000 * d.d as n from (${digits}) a, (${digits}) b, (${digits}) c, (${digits}) d`;
    await run(`insert into core_course (title, created_at, updated_at) select ${made} from (${numbers}) numbers`);
    await run(
      `insert into core_enrollments (course_id, student_id, enrolled_at, updated_at) select id, ${student}, created_at, created_at from core_course where id % 100 = 77`,
    );

    const found = await expectedLines(database, 'MATCH');
    expect(expectedSummary(found)).toEqual({ courses: '10000', mismatches: '200' });
    expect(await resultsOf(client, url, verifying)).toEqual([found, [expectedSummary(found)]]);
    const repaired = await resultsOf(client, url, updateScript(kind));
    const lines = await expectedLines(database, 'OK');
    expect(expectedSummary(lines)).toMatchObject({ mismatches: '0' });
    expect(repaired).toEqual([lines, [expectedSummary(lines)]]);
  });
});
