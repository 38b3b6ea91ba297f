import { getNamedType, isObjectType, type GraphQLObjectType } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Int } from '../../src/graphql/int.js';
import { graphqlSchema } from '../../src/graphql/schema.js';
import { Role } from '../../src/entities/index.js';
import { addUser, startApi, type Api } from '../support/api.js';
import { placeToRun } from '../support/command-line.js';
import { describeOnEach } from '../support/databases.js';
import { addFullCourses, write } from '../support/drift.js';
import { subscribeBy } from '../support/live-clients.js';
import { polled, mutateRun, type Sender } from '../support/recounts.js';
import { expectExactCounts } from '../support/rows.js';

/** The fields that count rows on request; no column that a program could write holds their number. */
const COUNTED_NOW = [
  'Count.count',
  'CourseConnection.totalCount',
  'EnrollmentConnection.totalCount',
  'RecountChangeConnection.totalCount',
  'RecountRunConnection.totalCount',
  'EnrollmentStatusCount.count',
  'VerifyEnrollmentCountsPayload.checked',
  'VerifyEnrollmentCountsPayload.driftCount',
];
const HIGHEST = Number.MAX_SAFE_INTEGER;
const NUMBERS = [2 ** 31, 2 ** 40, HIGHEST, -3];

const schema = graphqlSchema();
const fields = Object.values(schema.getTypeMap())
  .filter(isObjectType)
  .filter(({ name }) => !name.startsWith('__'))
  .flatMap(type =>
    Object.values(type.getFields())
      .filter(field => getNamedType(field.type).name === 'Int')
      .map(field => `${type.name}.${field.name}`),
  );

describe('the type Int', () => {
  it.each(fields)('the Int of the field %s accepts whole numbers up to 2^53 − 1', coordinate => {
    const [type, field] = coordinate.split('.') as [string, string];
    const named = getNamedType((schema.getType(type) as GraphQLObjectType).getFields()[field]!.type) as typeof Int;
    expect([...NUMBERS, 0, 7, -HIGHEST].map(number => named.serialize(number))).toEqual([...NUMBERS, 0, 7, -HIGHEST]);
    for (const wrong of [0.5, 2 ** 53, -(2 ** 53), 1e300, NaN, Infinity, '9007199254740993', 'x', {}, []])
      expect(() => named.serialize(wrong)).toThrow(/^Int cannot represent/);
  });

  it.each([2 ** 31, -(2 ** 31) - 1, 2 ** 40, 0.5, '7', true, null])('the type Int still rejects %j', value => {
    expect(() => Int.parseValue(value)).toThrow(/^Int cannot represent/);
  });
});

describeOnEach('a number that another program wrote', kind => {
  let api: Api;
  let send: Sender;
  let courses: number[];
  /** The fields that have returned such a number. */
  const given = new Set<string>();

  beforeAll(async () => {
    api = await startApi(kind);
    const token = await api.token(Role.ADMIN, await addUser(api.database, Role.ADMIN));
    send = (query, variables) => api.send(token, query, variables);
    courses = await addFullCourses(api.database, 2);
  });
  afterAll(() => api.stop());

  /** Sends an operation that has no errors, and returns its data. */
  async function dataOf(query: string): Promise<any> {
    const { data, errors, status } = await send(query);
    expect([status, errors]).toEqual([200, undefined]);
    return data;
  }
  function sees(type: string, found: object, expected: object): void {
    expect(found).toMatchObject(expected);
    for (const field of Object.keys(expected)) given.add(`${type}.${field}`);
  }
  async function breakCounts(number: number): Promise<void> {
    // SQLite's checks can be switched off; a column of MySQL or MariaDB that is unsigned holds nothing below zero.
    if (kind === 'sqlite') await write(api.database, 'pragma ignore_check_constraints = on');
    await write(
      api.database,
      `update core_course set total_enrollments = ${number}, active_enrollments = ${number} where id = ${courses[0]}`,
    );
    if (kind === 'sqlite') await write(api.database, 'pragma ignore_check_constraints = off');
  }

  it.each(NUMBERS.filter(number => number > 0 || kind === 'sqlite'))(
    'a high number of another program is shown as a stored count, found and repaired, and stays in the report of the run: %i',
    async number => {
      const counts = { totalEnrollments: number, activeEnrollments: number };
      const live = subscribeBy('ws', api.url, { token: null, courseIds: [courses[0]!] });
      await live.next();
      await breakCounts(number);
      expect(await live.counts()).toEqual([courses[0], number, number]);
      live.close();
      const { course, courses: page } = await dataOf(
        `{ course(id: ${courses[0]}) { totalEnrollments activeEnrollments } courses(orderBy: { field: TOTAL_ENROLLMENTS, direction: DESC }) { totalCount nodes { id totalEnrollments activeEnrollments } pageInfo { endCursor startCursor } } }`,
      );
      sees('Course', course, counts);
      expect(page.nodes.find(({ id }: { id: string }) => id === String(courses[0]))).toMatchObject(counts);
      const { startCursor, endCursor } = page.pageInfo;
      for (const cursor of [startCursor, endCursor])
        await dataOf(
          `{ courses(first: 1, after: ${JSON.stringify(cursor)}, orderBy: { field: TOTAL_ENROLLMENTS, direction: DESC }) { nodes { totalEnrollments } } }`,
        );

      const { verifyEnrollmentCounts: verified } = await dataOf(
        'mutation { verifyEnrollmentCounts { checked driftCount drifts { counter stored actual drift } } }',
      );
      expect(verified).toMatchObject({ checked: 2, driftCount: 2 });
      // The actual number is never one of a column.
      sees('Drift', verified.drifts[0], { stored: number, actual: 3, drift: number - 3 });
      const place = placeToRun();
      const told = await place.run(['verify'], { DATABASE_URL: api.databaseUrl });
      expect(told).toMatchObject({ code: 3, stdout: expect.stringContaining(String(number)) });

      const { run } = await mutateRun(send, 'recountEnrollments', {});
      expect(await polled(send, run.id, ({ status }) => status !== 'RUNNING')).toMatchObject({
        status: 'SUCCEEDED',
        repaired: 1,
      });
      const history = await dataOf(
        `{ recountRun(id: ${run.id}) { changes { nodes { before after } } } recountRuns { nodes { changes { totalCount nodes { before after } } } } }`,
      );
      sees('RecountChange', history.recountRun.changes.nodes[0], { before: number, after: 3 });
      expect(await place.run(['runs', 'show', run.id], { DATABASE_URL: api.databaseUrl })).toMatchObject({
        code: 0,
        stdout: expect.stringContaining(String(number)),
      });
      place.leave();
      await expectExactCounts(api.database);
    },
  );

  it('undoing a run restores a high number, and another recount repairs it again', async () => {
    await breakCounts(2 ** 40);
    const { run } = await mutateRun(send, 'recountEnrollments', {});
    await polled(send, run.id, ({ status }) => status !== 'RUNNING');
    const undo = await mutateRun(send, 'undoRecount', { id: run.id });
    await polled(send, undo.run.id, ({ status }) => status !== 'RUNNING');
    const { recountRun } = await dataOf(
      `{ recountRun(id: ${undo.run.id}) { status changes { nodes { before after } } } }`,
    );
    sees('RecountChange', recountRun.changes.nodes[0], { before: 3, after: 2 ** 40 });
    await mutateRun(send, 'recountEnrollments', {});
    await expectExactCounts(api.database);
  });

  it('a high number is shown in every other field of a course and of a run', async () => {
    // PostgreSQL's numbers of 32 bits have a sign.
    const narrow = kind === 'postgresql' ? 2 ** 31 - 1 : 2 ** 32 - 1;
    await write(api.database, `update core_course set capacity = ${narrow} where id = ${courses[0]}`);
    sees('Course', (await dataOf(`{ course(id: ${courses[0]}) { capacity } }`)).course, { capacity: narrow });
    const wide = { total: HIGHEST, checked: HIGHEST - 1, drifted: 2 ** 31, repaired: 2 ** 40 };
    await write(
      api.database,
      `update core_recount_runs set ${Object.entries({ ...wide, batch_size: narrow, throttle: narrow })
        .map(([column, number]) => `${column} = ${number}`)
        .join(', ')}`,
    );
    const { recountRuns } = await dataOf(
      '{ recountRuns { nodes { total checked drifted repaired batchSize throttle } } }',
    );
    for (const run of recountRuns.nodes) sees('RecountRun', run, { ...wide, batchSize: narrow, throttle: narrow });
    const place = placeToRun();
    expect(await place.run(['runs', 'list'], { DATABASE_URL: api.databaseUrl })).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(String(HIGHEST)),
    });
    place.leave();
  });

  it('these tests give a high number to every field whose number is one of a column', () => {
    expect([...given, ...COUNTED_NOW].toSorted()).toEqual([...fields].toSorted());
  });
});
