import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterEach, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { addCourse, addUser, startApi, type Answer, type Api } from '../support/api.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import { describeOnEach } from '../support/databases.js';

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

describeOnEach('an error', kind => {
  let api: Api | undefined;
  let lines: string[];

  // Each test breaks its database, so each has its own.
  async function start(of: DatabaseKind): Promise<Api> {
    lines = [];
    const stream = new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(...chunk.toString().split('\n').filter(Boolean));
        done();
      },
    });
    return (api = await startApi(of, { logger: pino({ level: 'info' }, stream) }));
  }
  afterEach(() => api?.stop());

  const errorsInLog = () => lines.map(line => JSON.parse(line)).filter(({ errorId }) => errorId);

  /** Asserts that an answer reveals only an id, and returns the log entry with that id. */
  function loggedError(
    { data, errors }: Answer,
    path: (string | number)[],
  ): { type: string; message: string; stack: string } {
    expect(errors).toEqual([
      {
        message: expect.stringMatching(UUID),
        path,
        locations: expect.any(Array),
        extensions: { code: 'INTERNAL_SERVER_ERROR' },
      },
    ]);
    expect(JSON.stringify({ data, errors })).not.toMatch(/select|insert|core_|sql|table|\.ts|\.js|node_modules/i);
    const entry = errorsInLog().find(({ errorId }) => errorId === UUID.exec(errors![0]!.message)![0]);
    expect(entry).toMatchObject({ level: 50, err: { stack: expect.stringContaining('at ') } });
    return entry.err;
  }

  it('an error of the database while reading is masked, and logged in full under the same id', async () => {
    const { database, send, token } = await start(kind);
    await addCourse(database);
    await database.em.getConnection().execute('drop table core_enrollments');
    const admin = await token(Role.ADMIN, null);
    const error = loggedError(
      await send(admin, '{ courses { nodes { title enrollmentsCount(status: [ACTIVE]) { count } } } }'),
      ['courses', 'nodes', 0, 'enrollmentsCount'],
    );
    expect(error.message).toContain('core_enrollments');
    // The page's own statement counts all statuses.
    for (const [query, field] of [
      ['{ courses { nodes { enrollmentsCount { count } } } }', 'courses'],
      ['{ enrollments { totalCount } }', 'enrollments'],
    ] as const)
      expect(loggedError(await send(admin, query), [field]).message).toContain('core_enrollments');
    expect(
      loggedError(await send(null, '{ courses { nodes { enrollmentsByStatus { count } } } }'), [
        'courses',
        'nodes',
        0,
        'enrollmentsByStatus',
      ]).message,
    ).toContain('core_enrollments');
  });

  it('an error of the database while writing is masked, and logged in full under the same id', async () => {
    const { database, send, token } = await start(kind);
    const course = await addCourse(database);
    const student = await addUser(database, Role.STUDENT);
    await database.em.getConnection().execute('drop table core_enrollments');
    const answer = await send(
      await token(Role.STUDENT, student),
      `mutation { enroll(input: { courseId: ${course} }) { course { id } userErrors { code } } }`,
    );
    expect(loggedError(answer, ['enroll']).message).toContain('core_enrollments');
  });

  it('each failed field has an error id of its own, and the rest of the answer remains', async () => {
    const { database, send } = await start(kind);
    const [one, two] = [await addCourse(database), await addCourse(database)];
    await database.em.getConnection().execute('drop table core_enrollments');
    const { data, errors } = await send(
      null,
      `{ one: course(id: ${one}) { enrollmentsCount { count } } two: course(id: ${two}) { enrollmentsByStatus { count } } three: course(id: ${one}) { id } }`,
    );
    expect(data).toEqual({ one: null, two: null, three: { id: String(one) } });
    const ids = errors!.map(({ message }) => UUID.exec(message)![0]);
    expect(new Set(ids).size).toBe(2);
    expect(
      errorsInLog()
        .map(({ errorId }) => errorId)
        .toSorted(),
    ).toEqual(ids.toSorted());
  });

  it.each([
    ['a field that there is not', '{ courses { nodes { name } } }', {}, 'GRAPHQL_VALIDATION_FAILED', /"name"/],
    ['a selection that is missing', '{ courses }', {}, 'GRAPHQL_VALIDATION_FAILED', /selection/],
    [
      'an enum value that there is not',
      '{ courses(orderBy: { field: NAME }) { totalCount } }',
      {},
      'GRAPHQL_VALIDATION_FAILED',
      /NAME/,
    ],
    [
      'a number that is out of range',
      '{ courses(first: 99999999999) { totalCount } }',
      {},
      'GRAPHQL_VALIDATION_FAILED',
      /99999999999/,
    ],
    ['an argument that is missing', '{ course { id } }', {}, 'GRAPHQL_VALIDATION_FAILED', /id/],
    ['a query that breaks off', '{ courses {', {}, 'GRAPHQL_PARSE_FAILED', /Syntax Error/],
    ['a variable that is missing', 'query ($id: ID!) { course(id: $id) { id } }', {}, 'BAD_USER_INPUT', /\$id/],
    [
      'a variable of the wrong type',
      'query ($first: Int) { courses(first: $first) { totalCount } }',
      { first: 'ten' },
      'BAD_USER_INPUT',
      /\$first/,
    ],
    [
      'an operation of many',
      'query A { me { id } } query B { me { id } }',
      {},
      'OPERATION_RESOLUTION_FAILURE',
      /operation/,
    ],
  ])('a mistake of the caller is reported in full and not logged: %s', async (_, query, variables, code, message) => {
    const { send } = await start(kind);
    const { errors, status, data } = await send(null, query, variables);
    expect([status, data, errors?.map(({ extensions }) => extensions.code)]).toEqual([400, undefined, [code]]);
    expect(errors![0]!.message).toMatch(message);
    expect(errorsInLog()).toEqual([]);
  });

  it('a mistake of the caller that a resolver finds names the argument and is not logged', async () => {
    const { send } = await start(kind);
    const { errors, status } = await send(null, '{ course(id: "abc") { id } enrollments { totalCount } }');
    expect(status).toBe(200);
    expect(errors?.map(({ extensions }) => extensions)).toEqual([
      { code: 'BAD_USER_INPUT', argument: 'id' },
      { code: 'UNAUTHENTICATED' },
    ]);
    expect(errorsInLog()).toEqual([]);
  });
});
