import { closeSync, openSync, writeSync } from 'node:fs';
import { createConnection, type Connection } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config/config.js';
import { openDatabase, type Database } from '../../src/database/database.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import { Role } from '../../src/entities/index.js';
import { errorCatalogue } from '../../src/graphql/errors/error-catalogue.js';
import { startServer as startApi, type RunningServer } from '../../src/http/server.js';
import { issueToken } from '../../src/access/tokens.js';
import { addCourse, amplePoints, anyLoad } from '../support/api.js';
import { waitUntil } from '../support/wait.js';
import { describeWithOwnServers, freshUrl } from '../support/databases.js';
import { fillFile, fillTable } from '../support/full-database.js';
import { subscribeBy } from '../support/live-clients.js';
import { keptLog, type KeptLog } from '../support/log-lines.js';
import { scrape } from '../support/metrics.js';
import { allRows } from '../support/rows.js';
import { startServer, type Server } from '../support/server.js';

/** The codes for callers of each kind, in their order; null: they are answered. */
interface Told {
  readonly query: string | null;
  readonly mutation: string | null;
  readonly subscription: string | null;
}

/** The visible effects of a fault. */
interface Outside extends Told {
  readonly ready: number;
  /** The numbers of the errors in the log, each in one warning. */
  readonly numbers: readonly (number | string)[];
  /** The kind that the metrics count. */
  readonly kind: string;
}

/** A server on a database that can be broken. */
interface School {
  readonly server: RunningServer;
  readonly database: Database;
  readonly log: KeptLog;
  readonly course: number;
  readonly ask: (
    query: string,
    variables?: object,
  ) => Promise<{ data: unknown; code: string | null; message: string | null }>;
  readonly ready: () => Promise<[number, { status: string; reason?: string }]>;
  readonly stop: () => Promise<void>;
}

async function startSchool(url: string): Promise<School> {
  const database = await openDatabase(url);
  await database.migrator.up();
  const course = await addCourse(database, { title: 'Before' });
  const config = readConfig({
    DATABASE_URL: url,
    PORT: '0',
    HOST: '127.0.0.1',
    NODE_ENV: 'test',
    REQUEST_TIMEOUT: '60',
    ...amplePoints,
  });
  const log = keptLog();
  const server = await startApi({ config, database, logger: log.logger, thresholds: anyLoad });
  const authorization = `Bearer ${await issueToken(config.jwt, { role: Role.ADMIN, userId: null, expiresIn: '1h' })}`;
  return {
    server,
    database,
    log,
    course,
    async ask(query, variables = {}) {
      const response = await fetch(server.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization },
        body: JSON.stringify({ query, variables }),
      });
      const { data, errors = [] } = (await response.json()) as {
        data: unknown;
        errors?: { message: string; extensions: { code: string } }[];
      };
      return { data, code: errors[0]?.extensions.code ?? null, message: errors[0]?.message ?? null };
    },
    async ready() {
      const response = await fetch(server.url.replace('/graphql', '/readyz'));
      return [response.status, (await response.json()) as { status: string; reason?: string }];
    },
    async stop() {
      await server.close();
      await database.close(true);
    },
  };
}

const QUERY = '{ courses(filter: { title: { eq: "Before" } }) { nodes { title } } }';
const MUTATION =
  'mutation ($text: String) { createCourse(input: { title: "Late", description: $text }) { course { title } } }';
/** The longest description, which needs pages of its own. */
const LARGE = { text: 'x'.repeat(60_000) };

/** Expects callers, /readyz, the metrics and the log to report the fault, and nothing to be changed. */
async function expectOutside(
  { server, log, ask, ready }: School,
  { query, mutation, subscription, ready: status, numbers, kind }: Outside,
): Promise<void> {
  const counted = (await scrape(server.metricsUrl)).get(`rollcall_database_faults_total{kind="${kind}"}`)!;
  log.clear();
  const client = subscribeBy('sse', server.url);
  const first = client.next().then(
    message => message.errors?.[0],
    (errors: unknown) => (errors as { message: string; extensions: { code: string } }[])[0],
  );
  const [read, changed, listened] = await Promise.all([ask(QUERY), ask(MUTATION, LARGE), first]);
  client.close();
  expect({ query: read.code, mutation: changed.code, subscription: listened?.extensions.code ?? null }).toEqual({
    query,
    mutation,
    subscription,
  });
  // Each has the message of the catalogue, and says that nothing was changed.
  for (const { code, message } of [
    read,
    changed,
    { code: listened?.extensions.code ?? null, message: listened?.message ?? null },
  ]) {
    if (code !== null) expect(errorCatalogue[code as 'DATABASE_FULL'].message).toContain(message);
  }
  if (query === null) expect(read.data).toEqual({ courses: { nodes: [{ title: 'Before' }] } });
  const [now, body] = await ready();
  expect([now, body.reason === undefined]).toEqual([status, status === 200]);
  const after = await scrape(server.metricsUrl);
  expect([
    after.get('rollcall_database_ready'),
    after.get(`rollcall_database_faults_total{kind="${kind}"}`)! > counted,
  ]).toEqual([status === 200 ? 1 : 0, true]);
  // No internal error and no stack is logged; the number of each error is, once.
  expect(log.lines().filter(({ level }) => level >= 50)).toEqual([]);
  expect(log.text()).not.toMatch(/"stack"|\n\s+at /);
  // The line of each affected request is a warning: the server failed, and not the caller.
  const met = log.lines().filter(({ errorCodes }) => errorCodes !== undefined);
  expect([...new Set(met.map(({ level }) => level))]).toEqual([40]);
  const warnings = log.lines().filter(({ msg }) => msg === 'a database operation failed');
  expect(warnings.map(({ level, errno, fault }) => [level, errno, fault]).toSorted()).toEqual(
    numbers.map(number => [40, number, kind]).toSorted(),
  );
}

/** Expects everything to be as before once the fault is over. */
async function expectWell(school: School): Promise<void> {
  expect((await school.ask(QUERY)).data).toEqual({ courses: { nodes: [{ title: 'Before' }] } });
  expect((await school.ask('mutation { createCourse(input: { title: "After" }) { course { title } } }')).data).toEqual({
    createCourse: { course: { title: 'After' } },
  });
}

describeWithOwnServers('a fault of a server', kind => {
  let mysqld: Server;
  /** A user with all privileges, whatever the server denies to others. */
  let root: Connection;
  let school: School;

  beforeAll(async () => {
    // The tables of MySQL share one file of a fixed size.
    mysqld = await startServer(kind, [
      '--innodb-flush-method=nosync',
      ...(kind === 'mysql' ? ['--innodb-data-file-path=ibdata1:12M', '--innodb-file-per-table=OFF'] : []),
    ]);
    const { port } = mysqld;
    root = await createConnection({ host: '127.0.0.1', port, user: 'root' });
    for (const sql of [
      'create database school',
      "create user teller identified by 'secret'",
      'grant all on school.* to teller',
      "create user crowd identified by 'secret'",
    ])
      await root.query(sql);
    school = await startSchool(`${kind}://teller:secret@127.0.0.1:${port}/school`);
  });
  afterAll(async () => {
    await school?.stop();
    await root?.end();
    await mysqld?.stop();
  });

  const rows = async (sql: string) => (await root.query(sql))[0] as Record<string, string | number>[];
  /** Ends the connections of the school, so that it needs new ones. */
  async function endConnections(): Promise<void> {
    for (const { id } of await rows("select id from information_schema.processlist where user = 'teller'"))
      await root.query(`kill ${id}`).catch(() => undefined);
    const pool = (
      await (
        school.database.em.getConnection() as unknown as {
          readonly getNativeClient: () => Promise<{ _allConnections: { length: number } }>;
        }
      ).getNativeClient()
    )._allConnections;
    await waitUntil(() => pool.length === 0, 'The connections stay.');
  }
  const connectionId = async (sql = 'select connection_id() as id'): Promise<number> =>
    Number((await school.database.em.getConnection().execute<{ id: number }[]>(sql))[0]!.id);

  it('a server that became read-only, as in a failover, is reported as the runbook says, and is used again with new connections', async () => {
    // More connections than the simultaneous requests below, so that only the fault makes new ones necessary.
    const before = Math.max(
      ...(await Promise.all(Array.from({ length: 8 }, () => connectionId('select connection_id() as id, sleep(0.2)')))),
    );
    await root.query(kind === 'mysql' ? 'set global super_read_only = on' : 'set global read_only = on');
    await expectOutside(school, {
      query: null,
      mutation: 'DATABASE_UNAVAILABLE',
      subscription: null,
      ready: 503,
      numbers: [1290],
      kind: 'read_only',
    });
    expect((await school.ready())[1].reason).toBe('The database accepts no changes (ER_OPTION_PREVENTS_STATEMENT).');
    await root.query('set global read_only = off');
    expect(await school.ready()).toEqual([200, { status: 'ready' }]);
    await expectWell(school);
    // A new connection may reach another server.
    expect(await connectionId()).toBeGreaterThan(before);
  });

  it('a server whose new transactions may only read is reported as read-only', async () => {
    const name = kind === 'mysql' ? 'transaction_read_only' : 'tx_read_only';
    await root.query(`set global ${name} = on`);
    await endConnections();
    await expectOutside(school, {
      query: null,
      mutation: 'DATABASE_UNAVAILABLE',
      subscription: null,
      ready: 503,
      numbers: [1792],
      kind: 'read_only',
    });
    await root.query(`set global ${name} = off`);
    await endConnections();
    await expectWell(school);
  });

  it('a server that accepts no more connections is asked again until it accepts one, or for as long as callers wait', async () => {
    await endConnections();
    await root.query('set global max_connections = 10');
    const taken: Connection[] = [];
    const connect = () => createConnection({ host: '127.0.0.1', port: mysqld.port, user: 'crowd', password: 'secret' });
    for (;;) {
      const one = await connect().catch((error: unknown) => error as { errno: number });
      if ('errno' in one) {
        expect(one.errno).toBe(1040);
        break;
      }
      taken.push(one);
    }
    const attempts = async () => Number((await rows("show global status like 'Connections'"))[0]!['Value']);
    const sofar = await attempts();
    const waits = school.ask(QUERY);
    await waitUntil(async () => (await attempts()) > sofar + 1, 'Nobody asks again.');
    await taken.pop()!.end();
    expect(await waits).toEqual({ data: { courses: { nodes: [{ title: 'Before' }] } }, code: null, message: null });
    // A connection that is ended keeps its place until the server has taken note.
    await waitUntil(async () => {
      await endConnections();
      const one = await connect().catch((error: unknown) => error as { errno: number });
      if ('errno' in one) expect(one.errno).toBe(1040);
      else taken.push(one);
      return !('errno' in one);
    }, 'The place of the ended connection does not become free.');
    await expectOutside(school, {
      query: 'DATABASE_UNAVAILABLE',
      mutation: 'DATABASE_UNAVAILABLE',
      subscription: 'DATABASE_UNAVAILABLE',
      ready: 503,
      numbers: [1040],
      kind: 'crowded',
    });
    for (const one of taken) await one.end();
    await root.query('set global max_connections = 400');
    await expectWell(school);
  });

  // MariaDB has no such mode.
  if (kind === 'mysql')
    it('a server that is offline for all but its administrators is reported as unreachable', async () => {
      await endConnections();
      await root.query('set global offline_mode = on');
      await expectOutside(school, {
        query: 'READ_FAILED',
        mutation: 'DATABASE_UNAVAILABLE',
        subscription: 'READ_FAILED',
        ready: 503,
        numbers: [3032],
        kind: 'stopped',
      });
      await root.query('set global offline_mode = off');
      await expectWell(school);
    });

  it('a server that rejects our password is reported at once', async () => {
    await root.query("alter user teller identified by 'another'");
    await endConnections();
    await expectOutside(school, {
      query: 'DATABASE_UNAVAILABLE',
      mutation: 'DATABASE_UNAVAILABLE',
      subscription: 'DATABASE_UNAVAILABLE',
      ready: 503,
      numbers: [1045],
      kind: 'refused',
    });
    await root.query("alter user teller identified by 'secret'");
    await expectWell(school);
  });

  it('missing privileges are reported at once, and other requests are answered', async () => {
    await root.query('revoke all on school.* from teller');
    await root.query('grant select on school.* to teller');
    await endConnections();
    await expectOutside(school, {
      query: null,
      mutation: 'DATABASE_UNAVAILABLE',
      subscription: null,
      ready: 200,
      numbers: [1142],
      kind: 'denied',
    });
    // Callers learn the reason, and the log names each missing privilege, though the number is the same.
    school.log.clear();
    expect((await school.ask('mutation { recountEnrollments { run { id } } }')).message).toBe(
      'The database does not allow this server to do that. Nothing was changed; an operator must look into it.',
    );
    expect(school.log.lines().filter(({ fault }) => fault !== undefined)).toMatchObject([
      { level: 40, errno: 1142, error: expect.stringMatching(/^INSERT command denied .*core_recount_runs/i) },
    ]);
    await root.query('grant all on school.* to teller');
    await endConnections();
    await expectWell(school);
  });

  it('a table whose file is gone is reported, and other requests are answered', async () => {
    // This one has a file of its own.
    await root.query('set global innodb_file_per_table = on');
    await root.query('use school');
    await root.query(
      `alter table core_recount_changes ${kind === 'mysql' ? 'tablespace innodb_file_per_table' : 'force'}`,
    );
    await root.query('set foreign_key_checks = 0');
    await root.query('alter table core_recount_changes discard tablespace');
    school.log.clear();
    const { data } = await school.ask('mutation { recountEnrollments { run { id } } }');
    const { id } = (data as { recountEnrollments: { run: { id: string } } }).recountEnrollments.run;
    const { code } = await school.ask(`{ recountRun(id: ${id}) { changes { nodes { before } } } }`);
    expect(code).toBe('DATABASE_UNAVAILABLE');
    expect(school.log.lines().filter(({ level }) => level >= 50)).toEqual([]);
    expect(school.log.lines().filter(({ fault }) => fault !== undefined)).toMatchObject([
      { level: 40, fault: 'broken' },
    ]);
    await expectWell(school);
  });

  it('a server without room fails only changes, with a code of its own, which /readyz and the metrics show', async () => {
    const takeBack = await (kind === 'mysql' ? fillFile : fillTable)(sql => root.query(sql), 'school');
    const saved = await allRows(school.database);
    await expectOutside(school, {
      query: null,
      mutation: 'DATABASE_FULL',
      subscription: null,
      ready: 503,
      numbers: [1114],
      kind: 'full',
    });
    expect((await school.ready())[1].reason).toBe(
      'The database has no room for changes, as it reported a moment ago (1114).',
    );
    expect(await allRows(school.database)).toEqual(saved);
    await takeBack();
    await expectWell(school);
  });
});

describe('a fault of an SQLite file', () => {
  let school: School;
  let path: string;
  let drop: () => Promise<void>;

  beforeAll(async () => {
    const fresh = freshUrl('sqlite' satisfies DatabaseKind);
    drop = fresh.drop;
    path = fresh.url.slice('sqlite:'.length);
    school = await startSchool(fresh.url);
  });
  afterEach(() => expectWell(school));
  afterAll(async () => {
    await school.stop();
    await drop();
  });

  const execute = (sql: string) => school.database.em.getConnection().execute<Record<string, number>[]>(sql);

  it('a file that may have no more pages fails only changes, with a code of its own, which /readyz and the metrics show', async () => {
    const [before] = await execute('pragma max_page_count');
    await execute('pragma max_page_count = 1');
    await expectOutside(school, {
      query: null,
      mutation: 'DATABASE_FULL',
      subscription: null,
      ready: 503,
      numbers: [13],
      kind: 'full',
    });
    await execute(`pragma max_page_count = ${before!['max_page_count']}`);
  });

  it('a file that may not be written is reported as a read-only server', async () => {
    await execute('pragma query_only = on');
    await expectOutside(school, {
      query: null,
      mutation: 'DATABASE_UNAVAILABLE',
      subscription: null,
      ready: 503,
      numbers: [8],
      kind: 'read_only',
    });
    await execute('pragma query_only = off');
  });

  it('a partly damaged file is reported, and requests that do not need the damaged part are answered', async () => {
    const [{ root }, { size }] = [
      (await execute("select rootpage as root from sqlite_master where name = 'core_recount_runs'"))[0]!,
      (await execute('select page_size as size from pragma_page_size'))[0]!,
    ] as unknown as [{ root: number }, { size: number }];
    await execute('pragma wal_checkpoint(truncate)');
    const place = (root - 1) * size;
    const file = openSync(path, 'r+');
    const garbage = Buffer.alloc(size, 0xa5);
    writeSync(file, garbage, 0, size, place);
    closeSync(file);
    await execute('pragma shrink_memory');
    school.log.clear();
    expect((await school.ask('{ recountRuns { nodes { id } } }')).code).toBe('DATABASE_UNAVAILABLE');
    expect(school.log.lines().filter(({ level }) => level >= 50)).toEqual([]);
    expect(school.log.lines().filter(({ fault }) => fault !== undefined)).toMatchObject([
      { level: 40, fault: 'broken', errno: 11 },
    ]);
  });
});
