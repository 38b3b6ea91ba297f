import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { readConfig } from '../../src/config/config.js';
import { installTriggers } from 'mikro-orm-counters';
import { openDatabase } from '../../src/database/database.js';
import { migrateUp } from '../../src/database/schema/migrate-up.js';
import { poolUse } from '../../src/database/connections/pool-use.js';
import { Role } from '../../src/entities/index.js';
import { startServer as serve } from '../../src/http/server.js';
import { courseQueuesOf } from '../../src/transactions/course-queues.js';
import { issueToken } from '../../src/access/tokens.js';
import { anyLoad } from '../support/api.js';
import { waitUntil } from '../support/wait.js';
import { placeToRun, type Place } from '../support/command-line.js';
import { describeWithOwnServers, strategy } from '../support/databases.js';
import { keptLog } from '../support/log-lines.js';
import { addCourses, addUsers, allRows, expectExactCounts } from '../support/rows.js';
import { scrape } from '../support/metrics.js';
import { startServer, type Server } from '../support/server.js';

const secret = 'a secret of this test alone, which nobody else knows';

describeWithOwnServers('a database that goes away', kind => {
  let server: Server;
  let place: Place;

  beforeAll(async () => {
    server = await startServer(kind);
    place = placeToRun();
  });

  afterAll(async () => {
    await server.stop();
    place.leave();
  });

  it('a server waits for its database at the start, shows in /readyz and in coded errors that it went away, and uses it again without a restart', async () => {
    await server.kill();
    const command = place.start(['serve'], {
      DATABASE_URL: `${server.url}/readiness`,
      NODE_ENV: 'production',
      JWT_SECRET: secret,
      METRICS: 'on',
    });
    await command.says(
      `Waiting up to 60 s for the database at ${server.url}/readiness, which does not answer yet (ECONNREFUSED).`,
    );
    await server.start();
    const stdout = await command.says('listening');
    const base = /http:\/\/[^"\s]+/.exec(stdout)![0];
    const ready = async (): Promise<[number, unknown]> => {
      const response = await fetch(`${base}/readyz`);
      return [response.status, await response.json()];
    };
    const ask = async (): Promise<unknown> => {
      const response = await fetch(`${base}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"query":"{ courses { totalCount } }"}',
      });
      return response.json();
    };
    expect(await ready()).toEqual([200, { status: 'ready' }]);
    expect(await ask()).toEqual({ data: { courses: { totalCount: 0 } } });

    await server.kill();
    expect(await ready()).toEqual([
      503,
      { status: 'not ready', reason: expect.stringContaining('The database does not answer (') },
    ]);
    expect(await ask()).toMatchObject({ data: null, errors: [{ extensions: { code: 'READ_FAILED' } }] });
    expect((await fetch(`${base}/healthz`)).status).toBe(200);
    const metrics = await scrape(`${base}/metrics`);
    expect([
      metrics.get('rollcall_database_ready'),
      metrics.get('rollcall_graphql_errors_total{code="READ_FAILED"}'),
      metrics.has('rollcall_runs{state="running"}'),
    ]).toEqual([0, 1, false]);

    await server.start();
    expect(await ready()).toEqual([200, { status: 'ready' }]);
    expect(await ask()).toEqual({ data: { courses: { totalCount: 0 } } });
    command.process.kill('SIGTERM');
    expect((await command.ended).code).toBe(0);
  });

  it('requests to a database that hangs are answered when their time ends, and nothing of them runs when it goes on', async () => {
    const database = await openDatabase(`${server.url}/frozen`, strategy);
    await migrateUp(database);
    if (strategy === 'triggers') await installTriggers(database.em);
    const [hot, quiet] = await addCourses(database, [{}, {}]);
    const students = await addUsers(database, Role.STUDENT, 30);
    const log = keptLog();
    const config = readConfig({
      DATABASE_URL: `${server.url}/frozen`,
      HOST: '127.0.0.1',
      PORT: '0',
      NODE_ENV: 'test',
      REQUEST_TIMEOUT: '1',
      COUNTERS: strategy,
    });
    const api = await serve({ config, database, logger: log.logger, thresholds: anyLoad });
    onTestFinished(async () => {
      server.thaw();
      await api.close();
      await database.close(true);
    });
    const authorization = `Bearer ${await issueToken(config.jwt, { role: Role.ADMIN, userId: null, expiresIn: '1h' })}`;
    const ask = async (query: string): Promise<[number, { errors?: { extensions: { code: string } }[] }]> => {
      const answer = await fetch(api.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization },
        body: JSON.stringify({ query }),
      });
      return [answer.status, (await answer.json()) as object];
    };
    const enroll = (courseId: number, studentId: number) =>
      ask(
        `mutation { enroll(input: { courseId: ${courseId}, studentId: ${studentId} }) { course { totalEnrollments } userErrors { code } } }`,
      );
    const ready = async (): Promise<[number, unknown]> => {
      const answer = await fetch(new URL('/readyz', api.url));
      return [answer.status, await answer.json()];
    };
    // This opens connections, some of which hang with a sent statement.
    await Promise.all(students.slice(0, 5).map(student => ask(`{ user(id: ${student}) { name } }`)));
    const before = await allRows(database);

    server.freeze();
    const asked = await Promise.all([
      ready(),
      ...students.map((student, index) => enroll(index < 20 ? hot! : quiet!, student)),
      ...students.map(() => ask('{ courses { totalCount } }')),
    ]);
    const [notReady, ...answers] = asked;
    expect(notReady).toEqual([503, { status: 'not ready', reason: 'The database has not answered for 2000 ms.' }]);
    const told = answers.map(([, { errors }]) => errors?.map(({ extensions }) => extensions.code).join());
    expect(told.slice(30)).toEqual(students.map(() => 'REQUEST_TIMEOUT'));
    expect(told.slice(0, 30).filter(code => code !== 'REQUEST_TIMEOUT' && code !== 'RETRY_LATER')).toEqual([]);
    // A line for each request, whatever the database does.
    expect((await log.requests(answers.length + 5)).length).toBeGreaterThanOrEqual(answers.length);
    server.thaw();

    const isAtRest = async (): Promise<boolean> => {
      const { active, waiting } = await poolUse(database);
      return active + waiting + courseQueuesOf(database).waiting === 0;
    };
    await waitUntil(isAtRest, 'Connections are not given back.');
    // The server no longer works on anything that was sent before.
    await waitUntil(
      async () =>
        (await database.em.getConnection().execute('select 1 from information_schema.innodb_trx')).length === 0,
      'A transaction goes on.',
    );
    expect(await allRows(database)).toEqual(before);
    expect(await ready()).toEqual([200, { status: 'ready' }]);
    expect(await enroll(hot!, students[0]!)).toEqual([
      200,
      { data: { enroll: { course: { totalEnrollments: 1 }, userErrors: [] } } },
    ]);
    await expectExactCounts(database);
  });
});
