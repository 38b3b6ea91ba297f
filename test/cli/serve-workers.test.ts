import { once } from 'node:events';
import { Agent, get, request, type IncomingMessage } from 'node:http';
import { connect, createServer, type AddressInfo } from 'node:net';
import { availableParallelism } from 'node:os';
import { json, text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { issueToken } from '../../src/access/tokens.js';
import { workers } from '../../src/cli/input/option-values.js';
import { readConfig } from '../../src/config/config.js';
import { Role } from '../../src/entities/index.js';
import { storedAndActual } from '../support/api.js';
import { placeToRun, type Place, type Running } from '../support/command-line.js';
import { freshDatabase } from '../support/databases.js';
import { freePort } from '../support/free-port.js';
import { addCourses, addUsers } from '../support/rows.js';
import { holdCourse } from '../support/held-course.js';

const WORKERS = 3;
const secret = 'a secret of this test alone, which nobody else knows';
const leftovers: (() => unknown)[] = [];
let place: Place;

beforeEach(() => {
  place = placeToRun();
  leftovers.push(() => place.leave());
});
afterEach(async () => {
  for (const tidy of leftovers.splice(0).toReversed()) await tidy();
});

interface Served {
  readonly command: Running;
  readonly port: number;
  /** The process ids of the workers. */
  readonly pids: number[];
}

function begin(env: Record<string, string> = {}): Running {
  const command = place.start(['serve', '--workers', String(WORKERS)], {
    NODE_ENV: 'production',
    JWT_SECRET: secret,
    METRICS: 'on',
    // No request may end by its own time limit, however slow the machine is.
    REQUEST_TIMEOUT: '600',
    SHUTDOWN_TIMEOUT: '600',
    ...env,
  });
  leftovers.push(async () => {
    command.process.kill('SIGKILL');
    await command.ended;
  });
  return command;
}

async function serve(env: Record<string, string> = {}): Promise<Served> {
  const command = begin({ PORT: String(await freePort()), ...env });
  const stdout = await command.says(`"listening":${WORKERS}`);
  return {
    command,
    port: Number(/Server listening at http:\/\/[^"\s]+:(\d+)/.exec(stdout)![1]),
    pids: [...stdout.matchAll(/"worker":(\d+),"listening"/g)].map(([, pid]) => Number(pid)),
  };
}

/** Sends a request, on a connection of its own if no agent keeps one; that goes to the next worker. */
async function ask(port: number, path: string, agent = new Agent()): Promise<IncomingMessage & { body: string }> {
  const [response] = (await once(get({ host: '127.0.0.1', port, path, agent }), 'response')) as [IncomingMessage];
  return Object.assign(response, { body: await text(response) });
}

const unknownPaths = (port: number, count: number): Promise<(IncomingMessage & { body: string })[]> =>
  Promise.all(Array.from({ length: count }, () => ask(port, '/nothing')));

/** Returns the value of one series at /metrics. */
async function metric(port: number, series: string): Promise<number> {
  const { body } = await ask(port, '/metrics');
  return Number(
    body
      .split('\n')
      .find(line => line.startsWith(`${series} `))!
      .slice(series.length),
  );
}

const NOT_FOUND = 'rollcall_http_requests_total{route="other",status="404"}';

/** Returns the processes that answered requests for a path, by the log. */
function answering(stdout: string, path: string): Set<number> {
  const lines = stdout.split('\n').filter(line => line.includes(`"${path}"`));
  return new Set(lines.map(line => (JSON.parse(line) as { pid: number }).pid));
}

describe('serve --workers', () => {
  it.each(['on', '127.0.0.1:0'])(
    'the workers share the requests, and any of them shows the metrics of all (METRICS=%s)',
    async METRICS => {
      const { command, port, pids } = await serve({ METRICS });
      const metricsAt = /Metrics at http:\/\/127\.0\.0\.1:(\d+)/.exec(await command.says('listening'));
      const metricsPort = metricsAt ? Number(metricsAt[1]) : port;
      expect(metricsPort === port).toBe(METRICS === 'on');
      expect((await unknownPaths(port, 12)).map(({ statusCode }) => statusCode)).toEqual(Array(12).fill(404));
      for (let scrape = 0; scrape < WORKERS; scrape += 1) expect(await metric(metricsPort, NOT_FOUND)).toBe(12);
      expect(await metric(metricsPort, 'rollcall_processes')).toBe(WORKERS);
      // It is a fact about the database, and not one for each worker.
      expect(await metric(metricsPort, 'rollcall_database_ready')).toBe(1);
      command.process.kill('SIGTERM');
      const { code, stdout } = await command.ended;
      expect(code).toBe(0);
      expect(pids).toHaveLength(WORKERS);
      expect(answering(stdout, '/nothing')).toEqual(new Set(pids));
    },
  );

  it('a worker that dies is replaced after pauses that grow, and meanwhile the others answer; the sums keep what it counted', async () => {
    const { command, port, pids } = await serve();
    await unknownPaths(port, 6);
    expect(await metric(port, NOT_FOUND)).toBe(6);
    let last = pids[0]!;
    for (const pauseMs of [100, 200]) {
      process.kill(last, 'SIGKILL');
      await command.says(`"worker":${last},"code":null,"signal":"SIGKILL","pauseMs":${pauseMs}`);
      expect(await metric(port, NOT_FOUND)).toBe(6);
      const listening = new RegExp(`"worker":${last},"code"[^]*"worker":(\\d+),"listening":${WORKERS}`);
      let found: RegExpExecArray | null = null;
      while (!found) found = listening.exec((await Promise.all([command.says('a worker'), ask(port, '/healthz')]))[0]);
      last = Number(found[1]);
    }
    expect(await metric(port, 'rollcall_processes')).toBe(WORKERS);
    expect(pids).not.toContain(last);
    command.process.kill('SIGTERM');
    const { code, stdout } = await command.ended;
    expect(code).toBe(0);
    expect(stdout.split('\n').filter(line => line.includes('"level":50'))).toHaveLength(2);
  });

  it('the workers count the points of a client together', async () => {
    // Each request costs 101 points.
    const { command, port, pids } = await serve({ RATE_LIMIT: '1010/3600' });
    const answers = await unknownPaths(port, 24);
    const granted = answers.filter(({ statusCode }) => statusCode === 404);
    const left = granted.map(({ headers }) => Number(/r=(\d+)/.exec(String(headers['ratelimit']))![1]));
    expect(left.toSorted((a, b) => a - b)).toEqual([0, 101, 202, 303, 404, 505, 606, 707, 808, 909]);
    expect(answers.filter(({ statusCode }) => statusCode === 429)).toHaveLength(14);
    expect(await metric(port, 'rollcall_rate_limited_total{limit="address"}')).toBe(14);
    expect(await metric(port, 'rollcall_rate_limit_unchecked_total')).toBe(0);
    command.process.kill('SIGTERM');
    expect(answering((await command.ended).stdout, '/nothing')).toEqual(new Set(pids));
  });

  it('requests pass without a rate limit while the primary process does not answer', async () => {
    const { command, port } = await serve({ RATE_LIMIT: '101/3600' });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    leftovers.push(() => agent.destroy());
    expect((await ask(port, '/nothing', agent)).headers['ratelimit']).toMatch(/^"address";r=0;/);
    expect((await ask(port, '/nothing', agent)).statusCode).toBe(429);
    command.process.kill('SIGSTOP');
    const { statusCode, headers } = await ask(port, '/nothing', agent);
    expect([statusCode, headers['ratelimit']]).toEqual([404, undefined]);
    command.process.kill('SIGCONT');
    await command.says('The primary process cannot be reached, so requests pass without a rate limit');
    expect(await metric(port, 'rollcall_rate_limit_unchecked_total')).toBe(1);
  });

  it('a primary process that is killed leaves no worker behind', async () => {
    const { command, port } = await serve();
    command.process.kill('SIGKILL');
    // The output ends when the last process that has it is gone.
    expect((await command.ended).code).toBe(null);
    await expect(ask(port, '/healthz')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it.each(['PORT', 'METRICS'])('a port that is taken gives one error, and all processes end (%s)', async variable => {
    const other = createServer().listen(0, '127.0.0.1');
    leftovers.push(() => other.close());
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const { code, stdout, stderr } = await begin({ [variable]: String(port) }).ended;
    expect(code).toBe(1);
    expect(stdout).not.toContain('"level":50');
    expect(stderr.split('\n').filter(line => line !== '' && !line.startsWith('Applied the migration'))).toEqual([
      `Port ${port} of 127.0.0.1 is in use. Stop the program that listens there, or set ${variable} to another port; 0 takes any free one.`,
    ]);
  });

  it('outside production the database is filled once, and the start message is shown once', async () => {
    const command = begin({ NODE_ENV: 'development' });
    await command.says('Ctrl+C stops the server.');
    command.process.kill('SIGINT');
    const { code, stdout, stderr } = await command.ended;
    expect(code).toBe(0);
    expect(stdout.match(/Rollcall is ready at/g)).toHaveLength(1);
    expect(stderr.match(/Adding sample data/g)).toHaveLength(1);
  });

  it('the number of workers is a whole number, or auto for one per processor', async () => {
    expect(workers('auto')).toBe(availableParallelism());
    for (const wrong of ['0', '-1', '1.5', '257', 'many', ''])
      expect(() => workers(wrong)).toThrow('Give a whole number');
    const { code, stderr } = await place.run(['serve', '--workers', 'many']);
    expect(code).toBe(2);
    expect(stderr).toBe(
      "Option '--workers <number>' argument 'many' is invalid. Give a whole number from 1 to 256, or auto for one per processor. Add --help to see how.\n",
    );
  });
});

describe('workers that are asked to stop', () => {
  const STUDENTS = 6;
  let url: string;
  let course: number;
  let students: number[];
  let token: string;
  let release: () => Promise<void>;
  let counts: () => Promise<unknown>;

  beforeEach(async () => {
    const fresh = await freshDatabase('sqlite');
    leftovers.push(() => fresh.drop());
    ({ url } = fresh);
    [course] = (await addCourses(fresh.database, [{}])) as [number];
    students = await addUsers(fresh.database, Role.STUDENT, STUDENTS);
    token = await issueToken(readConfig({ JWT_SECRET: secret }).jwt, {
      role: Role.ADMIN,
      userId: null,
      expiresIn: '1h',
    });
    counts = () => storedAndActual(fresh.database);
  });

  /** Blocks every enroll until `release`. */
  async function hold(): Promise<void> {
    release = await holdCourse(url, course);
    leftovers.push(release);
  }

  /** Begins to enroll a student, and returns when a worker has the request. */
  async function beginEnroll(port: number, student: number): Promise<{ answer: Promise<IncomingMessage> }> {
    const body = JSON.stringify({
      query: `mutation { enroll(input: { courseId: ${course}, studentId: ${student} }) { userErrors { code } } }`,
    });
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      authorization: `Bearer ${token}`,
      expect: '100-continue',
    };
    const sent = request({ host: '127.0.0.1', port, path: '/graphql', method: 'POST', headers, agent: new Agent() });
    sent.flushHeaders();
    const answer = once(sent, 'response').then(([response]) => response as IncomingMessage);
    answer.catch(() => undefined);
    await once(sent, 'continue');
    sent.end(body);
    return { answer };
  }

  /**
   * Connects until no connection is accepted. It waits for no answer: Node's primary process keeps a connection that was on
   * its way to the last worker when that one stopped listening, until it ends itself.
   */
  async function refused(port: number): Promise<void> {
    for (;;) {
      const socket = connect({ host: '127.0.0.1', port });
      try {
        await once(socket, 'connect');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') return;
      } finally {
        socket.destroy();
      }
    }
  }

  it('all of them answer their requests in flight in full, and the command ends with 0', async () => {
    const { command, port } = await serve({ DATABASE_URL: url });
    await hold();
    const requests = await Promise.all(students.map(student => beginEnroll(port, student)));
    command.process.kill('SIGTERM');
    await command.says('"stopping"');
    await refused(port);
    await release();
    for (const { answer } of requests)
      expect(await json(await answer)).toEqual({ data: { enroll: { userErrors: [] } } });
    expect((await command.ended).code).toBe(0);
    expect(await counts()).toEqual([{ id: course, stored: [STUDENTS, STUDENTS], actual: [STUDENTS, STUDENTS] }]);
  });

  it('the command ends with 1 if one of them had to cut off a request, and leaves nothing of it behind', async () => {
    const { command, port } = await serve({ DATABASE_URL: url, SHUTDOWN_TIMEOUT: '1' });
    await hold();
    const { answer } = await beginEnroll(port, students[0]!);
    command.process.kill('SIGTERM');
    expect((await command.ended).code).toBe(1);
    await expect(answer).rejects.toMatchObject({ code: 'ECONNRESET' });
    await release();
    expect(await counts()).toEqual([{ id: course, stored: [0, 0], actual: [0, 0] }]);
  });

  it('a second signal ends all of them at once, with 1', async () => {
    const { command, port } = await serve({ DATABASE_URL: url });
    await hold();
    const { answer } = await beginEnroll(port, students[0]!);
    command.process.kill('SIGTERM');
    await command.says('"stopping"');
    command.process.kill('SIGTERM');
    expect((await command.ended).code).toBe(1);
    await expect(answer).rejects.toMatchObject({ code: 'ECONNRESET' });
  });
});
