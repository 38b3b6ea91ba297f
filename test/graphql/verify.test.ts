import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../src/database/database.js';
import { Role } from '../../src/entities/index.js';
import { startApi, type Answer, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { addFullCourses, breakTotals, write } from '../support/drift.js';
import { mistakesIn } from '../support/mutations.js';
import { allRows } from '../support/rows.js';

const MUTATION = `mutation ($input: VerifyEnrollmentCountsInput) {
  verifyEnrollmentCounts(input: $input) { ok checked driftCount drifts { counter course { id title totalEnrollments } stored actual drift } userErrors { code field message } }
}`;

describeOnEach('verifyEnrollmentCounts', kind => {
  let api: Api;
  let admin: string;
  let courses: number[];

  beforeAll(async () => {
    api = await startApi(kind);
    admin = await api.token(Role.ADMIN, null);
    courses = await addFullCourses(api.database, 5);
  });
  beforeEach(() => write(api.database, 'update core_course set total_enrollments = 3, active_enrollments = 2'));
  afterAll(() => api.stop());

  async function verified(input?: object): Promise<Answer['data']> {
    const { data, errors } = await api.send(admin, MUTATION, { input });
    expect(errors).toBeUndefined();
    return data.verifyEnrollmentCounts;
  }

  it('verifyEnrollmentCounts of exact counts is ok', async () => {
    expect(await verified()).toEqual({ ok: true, checked: 5, driftCount: 0, drifts: [], userErrors: [] });
  });

  it('verifyEnrollmentCounts returns every drift of every counter with its course, and changes nothing', async () => {
    await breakTotals(api.database, [courses[1]!, courses[3]!]);
    await write(api.database, `update core_course set active_enrollments = 0 where id = ${courses[3]}`);
    const before = await allRows(api.database);
    const course = (index: number) => ({ id: String(courses[index]), title: `Course ${index}`, totalEnrollments: 9 });
    expect(await verified()).toEqual({
      ok: false,
      checked: 5,
      driftCount: 3,
      drifts: [
        { counter: 'Course.totalEnrollments', course: course(1), stored: 9, actual: 3, drift: 6 },
        { counter: 'Course.totalEnrollments', course: course(3), stored: 9, actual: 3, drift: 6 },
        { counter: 'Course.activeEnrollments', course: course(3), stored: 0, actual: 2, drift: -2 },
      ],
      userErrors: [],
    });
    expect(await allRows(api.database)).toEqual(before);
  });

  it('verifyEnrollmentCounts loads the courses of all drifts at once', async () => {
    await breakTotals(api.database, courses);
    const statements = await api.statements(() => verified());
    await breakTotals(api.database, courses.slice(0, 1), 3);
    expect(statements).toHaveLength((await api.statements(() => verified())).length);
  });

  it('verifyEnrollmentCounts of some courses verifies only those', async () => {
    await breakTotals(api.database, courses.slice(0, 2));
    expect(await verified({ courseIds: [courses[1], courses[4], courses[1]] })).toMatchObject({
      ok: false,
      checked: 2,
      driftCount: 1,
      drifts: [{ course: { id: String(courses[1]) } }],
      userErrors: [],
    });
  });

  it('verifyEnrollmentCounts names missing courses, verifies the others, and is not ok', async () => {
    const answer = await verified({ courseIds: [String(courses[0]), '777777', String(courses[2])] });
    expect(answer).toEqual({
      ok: false,
      checked: 2,
      driftCount: 0,
      drifts: [],
      userErrors: [{ code: 'NOT_FOUND', field: ['input', 'courseIds', '1'], message: 'Course 777777 does not exist.' }],
    });
  });

  it.each([[[]], [Array.from({ length: 6000 }, (_, index) => String(index + 1))]])(
    'verifyEnrollmentCounts of no course, or of too many, is INVALID (%#)',
    async courseIds => {
      const answer = await verified({ courseIds });
      expect(answer).toMatchObject({ ok: false, checked: 0, driftCount: 0, drifts: [] });
      expect(mistakesIn(answer)).toEqual(['INVALID input.courseIds']);
    },
  );

  it('verifyEnrollmentCounts lists 10,000 drifts and counts all of them', async () => {
    const many = 5100;
    const now = kind === 'sqlite' ? '0' : "'2026-01-01'";
    await write(
      api.database,
      `insert into core_course (title, status, is_published, total_enrollments, active_enrollments, created_at, updated_at)
       values ${Array.from({ length: many }, () => `('Many', 'draft', false, 1, 1, ${now}, ${now})`).join()}`,
    );
    const { drifts, ...rest } = await verified();
    expect(rest).toEqual({ ok: false, checked: 5 + many, driftCount: 2 * many, userErrors: [] });
    expect(drifts).toHaveLength(10_000);
    await write(api.database, "delete from core_course where title = 'Many'");
  });

  it('verifyEnrollmentCounts shows drift that another program has just committed, and nothing uncommitted', async () => {
    const other = await openDatabase(api.databaseUrl);
    const writer = other.em.fork();
    await writer.begin();
    await writer.execute('update core_course set total_enrollments = 8 where id = ?', [courses[0]!], 'run');
    expect(await verified()).toMatchObject({ ok: true });
    await writer.commit();
    expect(await verified()).toMatchObject({ ok: false, drifts: [{ stored: 8, actual: 3, drift: 5 }] });
    await other.close(true);
  });
});

it('verifyEnrollmentCounts leaves out the drift of a course that is deleted before the answer shows it', async () => {
  const api = await startApi('sqlite');
  onTestFinished(() => api.stop());
  const [gone, stays] = (await addFullCourses(api.database, 2)) as [number, number];
  await breakTotals(api.database, [gone, stays]);
  const other = new DatabaseSync(api.databaseUrl.slice('sqlite:'.length));
  onTestFinished(() => other.close());
  let deleted = 0;
  api.database.config.set('onQuery', sql => {
    // The last statement before the answer loads the courses.
    if (/^select "id", "title".* from "core_course" where "id" in/.test(sql) && deleted === 0) {
      other.exec(`delete from core_enrollments where course_id = ${gone}`);
      deleted = Number(other.prepare('delete from core_course where id = ?').run(gone).changes);
    }
    return sql;
  });
  const { data, errors } = await api.send(await api.token(Role.ADMIN, null), MUTATION);
  expect([errors, deleted]).toEqual([undefined, 1]);
  expect(data.verifyEnrollmentCounts).toMatchObject({
    ok: false,
    checked: 2,
    driftCount: 1,
    drifts: [{ course: { id: String(stays) } }],
  });
});
