import { afterAll, beforeAll, expect, it } from 'vitest';
import { EnrollmentStatus, Role } from '../../src/entities/index.js';
import { addUser, startApi, type Answer, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { addCourses, addEnrollments, addUsers } from '../support/rows.js';
import { summarize } from '../support/statements.js';

const STATUSES = Object.values(EnrollmentStatus);
/** Every set of statuses that can be requested, and none. */
const SETS = [
  null,
  ...Array.from({ length: 2 ** STATUSES.length }, (_, bits) => STATUSES.filter((__, place) => bits & (2 ** place))),
];

describeOnEach('totalCount', kind => {
  let api: Api;
  let token: string;

  beforeAll(async () => {
    api = await startApi(kind);
    const { database } = api;
    const students = await addUsers(database, Role.STUDENT, 10);
    const courses = await addCourses(
      database,
      Array.from({ length: 3 }, () => ({})),
    );
    // 1, 2, 3 and 4 of the four statuses in each course.
    await addEnrollments(
      database,
      courses.flatMap(course =>
        students.map((student, at) => ({ course, student, status: STATUSES[[0, 1, 1, 2, 2, 2, 3, 3, 3, 3][at]!]! })),
      ),
    );
    token = await api.token(Role.ADMIN, await addUser(database, Role.ADMIN));
  });
  afterAll(() => api.stop());

  async function asked(
    query: string,
    variables: Record<string, unknown> = {},
  ): Promise<{ answer: Answer; gist: string[]; statements: string[] }> {
    let answer!: Answer;
    const statements = await api.statements(async () => {
      answer = await api.send(token, query, variables);
    });
    expect(answer.errors).toBeUndefined();
    return { answer, statements, gist: summarize(statements.map(sql => sql.replaceAll(/[`"]/g, ''))) };
  }

  it.each(SETS.map(statuses => [statuses?.join(', ') ?? 'any', statuses] as const))(
    'totalCount of all enrollments of status %s is exact, and uses the stored counts as far as they cover it',
    async (_, statuses) => {
      const { answer, statements } = await asked(
        'query ($status: [EnrollmentStatus!]) { enrollments(first: 0, filter: { status: $status }) { totalCount } }',
        { status: statuses?.map(status => status.toUpperCase()) },
      );
      const expected = (statuses ?? STATUSES).reduce((sum, status) => sum + 3 * (STATUSES.indexOf(status) + 1), 0);
      expect(answer.data.enrollments.totalCount).toBe(expected);
      const inactive = (statuses ?? STATUSES).filter(status => status !== EnrollmentStatus.ACTIVE).length;
      // The first statement is the page; neither needs one if no status is requested.
      const counting = statements.slice(1);
      expect(counting.join().includes('core_enrollments')).toBe(inactive === 1 || inactive === 2);
      expect(counting).toHaveLength(statuses?.length === 0 ? 0 : 1);
    },
  );

  it('totalCount of what a teacher sees is exact, counts each enrollment once, and skips no index because of an OR', async () => {
    const { database } = api;
    const teacher = await addUser(database, Role.TEACHER);
    const students = await addUsers(database, Role.STUDENT, 3);
    const [taught, others] = await addCourses(database, [{ instructor: teacher }, {}]);
    // The teacher is a student in both courses.
    await addEnrollments(
      database,
      [...students, teacher].flatMap(student => [
        { course: taught!, student },
        { course: others!, student },
      ]),
    );
    const as = await api.token(Role.TEACHER, teacher);
    let answer!: Answer;
    const statements = await api.statements(async () => {
      answer = await api.send(
        as,
        `{ enrollments(first: 0) { totalCount } taught: course(id: "${taught}") { enrollments { totalCount nodes { id } } } others: course(id: "${others}") { enrollments { totalCount nodes { id } } } }`,
      );
    });
    expect(answer.data).toMatchObject({
      enrollments: { totalCount: 5 },
      taught: { enrollments: { totalCount: 4 } },
      others: { enrollments: { totalCount: 1 } },
    });
    const counting = statements.filter(sql => sql.includes('count(*)'));
    expect(counting.length).toBeGreaterThan(1);
    expect(counting.join()).not.toMatch(/ or /);
  });

  it.each([
    [
      'courses',
      '{ courses { a: totalCount b: totalCount ...C } } fragment C on CourseConnection { c: totalCount }',
      ['select core_course', 'select core_course'],
    ],
    [
      'enrollments',
      '{ enrollments { a: totalCount b: totalCount ...C } } fragment C on EnrollmentConnection { c: totalCount }',
      ['select core_enrollments', 'select core_course'],
    ],
    [
      "a course's enrollments",
      '{ course(id: "1") { enrollments { a: totalCount b: totalCount } } }',
      ['select core_course', 'select core_enrollments', 'select core_course'],
    ],
    [
      'runs',
      '{ recountRuns { a: totalCount b: totalCount } }',
      ['select core_recount_runs', 'select core_recount_runs'],
    ],
  ])('totalCount of %s is counted once, however often it is selected', async (_, query, expected) => {
    expect((await asked(query)).gist).toEqual(expected);
  });
});
