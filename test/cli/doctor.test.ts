import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createConnection } from 'mysql2/promise';
import { describeOnEach, describeOnMySql } from '../support/databases.js';
import { placeToRun } from '../support/command-line.js';
import { addCountedCourses, bypassCounters, placeOn, type PlaceOn } from '../support/place-on.js';
import { allRows } from '../support/rows.js';
import { freePort } from '../support/free-port.js';

const JWT_SECRET = 'a secret of this test alone, which nobody else knows';

interface Document {
  readonly ok: number;
  readonly warnings: number;
  readonly failed: number;
  readonly checks: { check: string; status: string; message: string; advice: string | null }[];
}

describeOnEach('doctor', kind => {
  let place: PlaceOn;
  let courses: number[];

  beforeEach(async () => {
    place = await placeOn(kind);
    ({ courses } = await addCountedCourses(place.database, ['Optics', 'Logic']));
  });
  afterEach(() => place.leave());

  it('doctor prints a line for each check: exit code 0 where nothing failed', async () => {
    const { code, stdout, stderr } = await place.run(['doctor'], { JWT_SECRET });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /^ok {7}configuration DATABASE_URL is .*\nok {7}node .*\nok {7}secrets .*\nok {7}limits .*\nok {7}limits .*\nok {7}rates .*\nok {7}rates .*\nok {7}connection /,
    );
    expect(stdout).toMatch(
      /\nok {7}probe {9}Enrolling and unenrolling moved the counts 0, 0 → 1, 1 → 0, 0, .*\n\n\d\d ok, [01] warnings?, 0 failed\.\n$/,
    );
  });

  it('doctor finds drift and says what repairs it: exit code 3, and 1 where something else failed too', async () => {
    await bypassCounters(place.database, `update core_course set total_enrollments = 9 where id = ${courses[1]}`);
    const drifting = await place.run(['doctor'], { JWT_SECRET });
    expect(drifting.stdout).toContain(
      `failed   counts        Counts that do not match the enrollments: 1, of course ${courses[1]}.\n                       → "rollcall verify" shows them, "rollcall recount" repairs them.\n`,
    );
    expect(drifting.code).toBe(3);
    expect(await place.run(['doctor', '--json'], { JWT_SECRET, COUNTERS: 'triggers' })).toMatchObject({ code: 1 });
  });

  it('doctor examines a running server with a token, and finds whether its counts are true', async () => {
    const server = place.start(['serve'], { JWT_SECRET, SAMPLE_DATA: 'false' });
    const [url] = /http:\S+\/graphql/.exec(await server.says('Ctrl+C stops the server.'))!;
    const token = (await place.run(['token', '--role', 'admin'], { JWT_SECRET })).stdout.trim();
    const examine = async (): Promise<[number | null, string[]]> => {
      const { code, stdout } = await place.run(['doctor', '--json', '--url', url, '--token', token], { JWT_SECRET });
      const { checks } = JSON.parse(stdout) as Document;
      return [code, checks.filter(({ check }) => check === 'api').map(({ status, message }) => `${status} ${message}`)];
    };
    const base = url.replace('/graphql', '');
    const alive = [`ok ${base}/healthz answers 200.`, `ok ${base}/readyz answers 200.`];
    expect(await examine()).toEqual([
      0,
      [...alive, `ok ${url} gives the true counts of 2 courses of the 2 that it shows with the token.`],
    ]);
    await bypassCounters(place.database, `update core_course set active_enrollments = 0 where id = ${courses[0]}`);
    expect(await examine()).toEqual([
      3,
      [
        ...alive,
        `failed ${url} gives counts that are not true (totalEnrollments, activeEnrollments): course ${courses[0]} is off by 0, -2.`,
      ],
    ]);
    server.process.kill('SIGTERM');
    expect(await server.ended).toMatchObject({ code: 0 });
  });
});

describe('doctor', () => {
  it('doctor prints one document with --json, and examines the database in spite of mistakes in the configuration', async () => {
    const place = await placeOn('sqlite');
    const { code, stdout, stderr } = await place.run(['doctor', '--json'], { PORT: 'x', LOG_LEVEL: 'loud' });
    const { checks, ...sums } = JSON.parse(stdout) as Document;
    expect([code, stderr]).toEqual([1, '']);
    expect(checks.slice(0, 7)).toMatchObject([
      {
        check: 'configuration',
        status: 'failed',
        message: expect.stringMatching(/^PORT is "x"/),
        advice: 'Correct it in the environment or in .env.',
      },
      { check: 'configuration', status: 'failed', message: expect.stringMatching(/^LOG_LEVEL is "loud"/) },
      { check: 'node', status: 'ok', advice: null },
      { check: 'secrets', status: 'warning' },
      { check: 'limits', status: 'warning' },
      { check: 'rates', status: 'warning' },
      { check: 'connection', status: 'ok' },
    ]);
    expect(sums).toEqual({ ok: 12, warnings: 3, failed: 2 });
    await place.leave();
  });

  it.each([
    [
      { DATABASE_URL: 'mysql://app:hidden@127.0.0.1:1/school' },
      /^failed {3}connection {4}The database does not answer \(ECONNREFUSED\)\..*mysql:\/\/app:\*\*\*@127/m,
    ],
    [
      { DATABASE_URL: 'sqlite:none/rollcall.sqlite' },
      /^failed {3}connection {4}There is no database file none\/rollcall\.sqlite\./m,
    ],
    [
      { DATABASE_URL: 'oracle://app:hidden@db' },
      /^failed {3}configuration DATABASE_URL is "oracle:\/\/app:\*\*\*@db"/m,
    ],
  ])('doctor says why there is no database, and examines the rest: %j', async (env, message) => {
    const place = placeToRun();
    const nobody = `http://127.0.0.1:${await freePort()}`;
    const { code, stdout, stderr } = await place.run(['doctor', '--url', nobody], env);
    expect(stdout).toMatch(message);
    expect(stdout).toMatch(/^warning {2}counts {8}Not examined, since there is no connection to the database\.$/m);
    expect(stdout).toContain(`failed   api           ${nobody}/healthz does not answer: ECONNREFUSED.\n`);
    expect(stdout).not.toContain('hidden');
    expect([code, stderr]).toEqual([1, '']);
    place.leave();
  });
});

describeOnMySql('doctor', kind => {
  it('doctor leaves nothing behind when it is killed in the middle of its probe', async () => {
    const place = await placeOn(kind);
    await addCountedCourses(place.database, ['Optics']);
    const before = await allRows(place.database);
    const other = await createConnection(place.databaseUrl.replace(/^mariadb:/, 'mysql:'));
    const ask = async (sql: string): Promise<Record<string, unknown>[]> =>
      (await other.query(sql))[0] as Record<string, unknown>[];
    // The probe's INSERT waits for a lock that this test holds, in the middle of its transaction.
    await ask(
      'create trigger hold before insert on core_enrollments for each row set new.status = if(get_lock(concat(database(), "_hold"), 60), new.status, new.status)',
    );
    await ask('select get_lock(concat(database(), "_hold"), 0)');
    const command = place.start(['doctor'], { JWT_SECRET });
    const holding = "select id from information_schema.processlist where db = database() and state = 'User lock'";
    while ((await ask(holding)).length === 0) expect(command.process.exitCode).toBeNull();
    command.process.kill('SIGKILL');
    await command.ended;
    await ask('select release_lock(concat(database(), "_hold"))');
    while (
      (
        await ask(
          `select 1 from information_schema.innodb_trx t join information_schema.processlist p on p.id = t.trx_mysql_thread_id where p.db = database() and p.id <> connection_id()`,
        )
      ).length > 0
    );
    await ask('drop trigger hold');
    expect(await allRows(place.database)).toEqual(before);
    await other.end();
    await place.leave();
  });
});
