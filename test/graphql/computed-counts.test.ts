import type { SqlEntityManager } from '@mikro-orm/sql';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { insertMany } from 'mikro-orm-counters';
import { Enrollment, EnrollmentStatus, Role } from '../../src/entities/index.js';
import { startApi, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { addCourses, addEnrollments, addUsers } from '../support/rows.js';

const exact = (count: number) => ({ count, precision: 'EXACT' });
const atLeast = (count: number) => ({ count, precision: 'AT_LEAST' });

/** The arguments of enrollmentsCount for a course with 3 ACTIVE, 2 DROPPED and 1 COMPLETED enrollment. */
const counts: [string, { count: number; precision: string }][] = [
  ['', exact(6)],
  ['(limit: null)', exact(6)],
  ['(limit: 7)', exact(6)],
  ['(limit: 6)', exact(6)],
  ['(limit: 5)', atLeast(5)],
  ['(limit: 1)', atLeast(1)],
  ['(limit: 2147483647)', exact(6)],
  ['(status: null)', exact(6)],
  ['(status: [])', exact(0)],
  ['(status: [], limit: null)', exact(0)],
  ['(status: [ACTIVE])', exact(3)],
  ['(status: [ACTIVE], limit: 3)', exact(3)],
  ['(status: [ACTIVE], limit: 2)', atLeast(2)],
  ['(status: [ACTIVE], limit: null)', exact(3)],
  ['(status: ACTIVE)', exact(3)],
  ['(status: [DROPPED, COMPLETED])', exact(3)],
  ['(status: [DROPPED, COMPLETED], limit: 2)', atLeast(2)],
  ['(status: [ACTIVE, ACTIVE])', exact(3)],
  ['(status: [SUSPENDED])', exact(0)],
  ['(status: [SUSPENDED], limit: 1)', exact(0)],
  ['(status: [ACTIVE, COMPLETED, DROPPED, SUSPENDED])', exact(6)],
];

describeOnEach('enrollmentsCount', kind => {
  let api: Api;
  let course: number;
  let empty: number;

  beforeAll(async () => {
    api = await startApi(kind);
    const { ACTIVE, COMPLETED, DROPPED } = EnrollmentStatus;
    const students = await addUsers(api.database, Role.STUDENT, 6);
    [course, empty] = (await addCourses(api.database, [{}, {}])) as [number, number];
    const statuses = [ACTIVE, DROPPED, ACTIVE, COMPLETED, DROPPED, ACTIVE];
    await addEnrollments(
      api.database,
      students.map((student, index) => ({ course, student, status: statuses[index]! })),
    );
  });
  afterAll(() => api.stop());

  it.each(counts)('enrollmentsCount%s returns %j', async (args, expected) => {
    const { data } = await api.send(null, `{ course(id: ${course}) { enrollmentsCount${args} { count precision } } }`);
    expect(data.course.enrollmentsCount).toEqual(expected);
  });

  it.each(counts)(
    'enrollmentsCount%s returns the same among other courses, and 0 for a course without enrollments',
    async (args, expected) => {
      const { data } = await api.send(
        null,
        `{ courses(filter: { ids: [${course}, ${empty}] }) { nodes { enrollmentsCount${args} { count precision } } } }`,
      );
      expect(data.courses.nodes).toEqual([{ enrollmentsCount: expected }, { enrollmentsCount: exact(0) }]);
    },
  );

  it.each(counts)('enrollmentsCount%s returns the same on a page of all courses', async (args, expected) => {
    const { data } = await api.send(null, `{ courses { nodes { enrollmentsCount${args} { count precision } } } }`);
    expect(data.courses.nodes).toEqual([{ enrollmentsCount: expected }, { enrollmentsCount: exact(0) }]);
  });

  it('a limit below 1 is rejected on a page too, for a course without enrollments', async () => {
    const { errors } = await api.send(null, '{ courses(last: 1) { nodes { enrollmentsCount(limit: 0) { count } } } }');
    expect(errors!.map(({ message }) => message)).toEqual(['limit: 0 is not at least 1; null counts all.']);
  });

  it('enrollmentsCount takes its limit from a variable, and the default where the variable is omitted', async () => {
    const query = `query ($limit: Int, $status: [EnrollmentStatus!]) { course(id: ${course}) { enrollmentsCount(limit: $limit, status: $status) { count precision } } }`;
    const count = async (variables: object) => (await api.send(null, query, variables)).data.course.enrollmentsCount;
    expect(await count({})).toEqual(exact(6));
    expect(await count({ limit: null })).toEqual(exact(6));
    expect(await count({ limit: 4 })).toEqual(atLeast(4));
    expect(await count({ limit: 4, status: ['DROPPED'] })).toEqual(exact(2));
  });

  it.each([0, -1, -2_147_483_648])('enrollmentsCount rejects the limit %i with BAD_USER_INPUT', async limit => {
    const { errors } = await api.send(
      null,
      `{ course(id: ${course}) { enrollmentsCount(limit: ${limit}) { count } } }`,
    );
    expect(errors?.map(({ extensions }) => extensions)).toEqual([{ code: 'BAD_USER_INPUT', argument: 'limit' }]);
  });

  it('enrollmentsCount stops at 10,000 by default, and goes on counting without a limit', async () => {
    const students = await addUsers(api.database, Role.STUDENT, 10_001);
    const [full, fuller] = (await addCourses(api.database, [{}, {}])) as [number, number];
    const em = api.database.em.fork() as SqlEntityManager;
    await insertMany(em, Enrollment, [
      ...students.slice(1).map(student => ({ course: full, student })),
      ...students.map(student => ({ course: fuller, student })),
    ]);
    const { data } = await api.send(
      null,
      `{ courses(filter: { ids: [${full}, ${fuller}] }) { nodes { enrollmentsCount { count precision } all: enrollmentsCount(limit: null) { count precision } } } }`,
    );
    expect(data.courses.nodes).toEqual([
      { enrollmentsCount: exact(10_000), all: exact(10_000) },
      { enrollmentsCount: atLeast(10_000), all: exact(10_001) },
    ]);
  });

  it('enrollmentsCount with a large limit stops there, and copies no rows in order to count them', async () => {
    const { ACTIVE, DROPPED } = EnrollmentStatus;
    const students = await addUsers(api.database, Role.STUDENT, 10_003);
    const [large, wrong] = (await addCourses(api.database, [{}, {}])) as [number, number];
    const em = api.database.em.fork() as SqlEntityManager;
    await insertMany(em, Enrollment, [
      ...students.map((student, at) => ({ course: large, student, status: at < 10_002 ? ACTIVE : DROPPED })),
      ...students.slice(0, 3).map(student => ({ course: wrong, student })),
    ]);
    // A stored count that a bypass has left wrong is no reason for a wrong computed one.
    await em.getConnection().execute(`update core_course set total_enrollments = 20000 where id = ${wrong}`);
    const counted = async (args: string): Promise<[unknown[], string[]]> => {
      let found!: { data: any };
      const statements = await api.statements(async () => {
        found = await api.send(
          null,
          `{ courses(filter: { ids: [${large}, ${wrong}, ${course}, ${empty}] }, orderBy: { field: ID }) { nodes { enrollmentsCount(${args}) { count precision } } } }`,
        );
      });
      const counting = statements.filter(sql => sql.includes('core_enrollments'));
      return [
        found.data.courses.nodes.map((node: { enrollmentsCount: unknown }) => node.enrollmentsCount),
        counting.map(sql => (sql.includes(' offset ') ? 'beyond' : sql.includes(' limit ') ? 'some' : 'all')),
      ];
    };
    // By id: the shared courses were added first.
    const all = (first: unknown) => [exact(6), exact(0), first, exact(3)];
    expect(await counted('limit: 10001')).toEqual([all(atLeast(10_001)), ['beyond', 'all']]);
    expect(await counted('limit: 10003')).toEqual([all(exact(10_003)), ['beyond', 'all']]);
    expect(await counted('limit: 1000000000')).toEqual([all(exact(10_003)), ['all']]);
    const active = (first: unknown) => [exact(3), exact(0), first, exact(3)];
    expect(await counted('limit: 10001, status: [ACTIVE]')).toEqual([active(atLeast(10_001)), ['beyond', 'all']]);
    expect(await counted('limit: 10002, status: [ACTIVE]')).toEqual([active(exact(10_002)), ['beyond', 'all']]);
  });
});

describeOnEach('enrollmentsByStatus', kind => {
  let api: Api;

  beforeAll(async () => {
    api = await startApi(kind);
  });
  afterAll(() => api.stop());

  it('enrollmentsByStatus has one entry for each status, zeros included', async () => {
    const { ACTIVE, DROPPED } = EnrollmentStatus;
    const students = await addUsers(api.database, Role.STUDENT, 3);
    const courses = await addCourses(api.database, [{}, {}]);
    await addEnrollments(
      api.database,
      students.map((student, index) => ({ course: courses[0]!, student, status: index === 1 ? DROPPED : ACTIVE })),
    );
    const { data } = await api.send(null, '{ courses { nodes { enrollmentsByStatus { status count } } } }');
    const entries = (...numbers: number[]) => ({
      enrollmentsByStatus: ['ACTIVE', 'COMPLETED', 'DROPPED', 'SUSPENDED'].map((status, index) => ({
        status,
        count: numbers[index],
      })),
    });
    expect(data.courses.nodes).toEqual([entries(2, 0, 1, 0), entries(0, 0, 0, 0)]);
  });
});
