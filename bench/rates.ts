// node_modules/.bin/node bench/rates.ts: measures what the rate limits let through. Build first (npm run build).
//
// 1. Calibration: the cost of requests to the server, in points of 5 µs of processor time, beside their charge.
// 2. A school: 200 browsers behind one address that load and page lists of courses at once, anonymously and signed in,
//    and enroll. None of their requests may be rejected.
// 3. Floods from one address and of one viewer: the share of a processor that they take over two windows, the delay of
//    the event loop, and the median wait of a reader at another address, with the limits and without. The reader's own
//    share is subtracted: its number of requests times the cost of one alone.
//
// The server runs in this thread and its callers in others, so that the processor time of this thread is the server's.
// BENCH_SECONDS (20, two windows) is the duration of a flood; BENCH_ONLY=calibration, school or floods runs one part;
// BENCH_DATABASE_URL names an empty database, by default a file of SQLite.
import { rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { once } from 'node:events';

const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 20);
const ONLY = process.env['BENCH_ONLY'];
const POINT_MICROSECONDS = 5;

/** One request, as it is sent again and again. */
interface Sent {
  readonly url: string;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
}

/**
 * What the other thread is to send: all of a list once, so many at once; or one request again and again for some
 * seconds.
 */
type Work =
  | { readonly list: readonly Sent[]; readonly callers: number; readonly keepAlive?: boolean }
  | { readonly again: Sent; readonly callers: number; readonly seconds: number; readonly times?: boolean };

/** How often each status was answered. */
type Statuses = Record<string, number>;

/** What the other thread found; the median time of an answer in milliseconds, where it was asked for. */
interface Found {
  readonly statuses: Statuses;
  readonly median: number;
}

/**
 * What work took of the server: seconds of a processor and of time, and the most that the event loop was late on
 * average in a second.
 */
interface Measured extends Found {
  readonly cpu: number;
  readonly time: number;
  readonly lateMs: number;
}

if (isMainThread) await measure();
else parentPort!.on('message', (work: Work) => void send(work).then(found => parentPort!.postMessage(found)));

async function measure(): Promise<void> {
  const { pino } = await import('pino');
  const { readConfig } = await import('../dist/config/config.js');
  const { startServer } = await import('../dist/http/server.js');
  const { issueToken } = await import('../dist/access/tokens.js');
  const { openFilled } = await import('./dataset.ts');
  const file = join(tmpdir(), `rollcall-bench-${process.pid}.sqlite`);
  const databaseUrl = process.env['BENCH_DATABASE_URL'] ?? `sqlite:${file}`;
  const database = await openFilled(databaseUrl, { courses: 200, enrollments: 6000 });
  const sender = new Worker(new URL(import.meta.url));
  const reader = new Worker(new URL(import.meta.url));
  const json = { 'content-type': 'application/json', accept: 'application/graphql-response+json' };
  const post = (query: string, headers: Record<string, string> = {}, variables: object = {}): Omit<Sent, 'url'> => ({
    method: 'POST',
    headers: { ...json, ...headers },
    body: JSON.stringify({ query, variables }),
  });
  const env = {
    DATABASE_URL: databaseUrl,
    TRUST_PROXY: '1',
    NODE_ENV: 'test',
    HOST: '127.0.0.1',
    PORT: '0',
    METRICS: 'off',
    SAMPLE_DATA: 'false',
    CORS_ORIGINS: '*',
  };
  const config = readConfig(env);
  const tokenOf = async (userId: number | null, role: string): Promise<Record<string, string>> => ({
    authorization: `Bearer ${await issueToken(config.jwt, { userId, role: role as never, expiresIn: '1h' })}`,
  });
  const admin = await tokenOf(null, 'admin');
  const stranger = {
    authorization:
      'Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3Iiwicm9sZSI6ImFkbWluIiwiZXhwIjo5OTk5OTk5OTk5fQ.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  };
  // The log goes where a line costs as much as in a file.
  const logger = pino({ level: 'info' }, pino.destination('/dev/null'));

  /**
   * Starts a server, has it sent the work, and returns the answers, the server's processor time and the time, in
   * seconds.
   */
  async function served(variables: Record<string, string>, work: (url: string) => Work): Promise<Measured> {
    const server = await startServer({ config: readConfig({ ...env, ...variables }), database, logger });
    const result = await timed(work(server.url));
    await server.close();
    return result;
  }

  async function timed(work: Work): Promise<Measured> {
    const cpuNow = (): number => {
      const { user, system } = process.threadCpuUsage();
      return (user + system) / 1e6;
    };
    const [start, began] = [cpuNow(), performance.now()];
    const loop = monitorEventLoopDelay({ resolution: 10 });
    loop.enable();
    let lateMs = 0;
    const timer = setInterval(() => {
      if (!Number.isNaN(loop.mean)) lateMs = Math.max(lateMs, loop.mean / 1e6 - 10);
      loop.reset();
    }, 1000);
    sender.postMessage(work);
    const [found] = (await once(sender, 'message')) as [Found];
    const [cpu, time] = [cpuNow() - start, (performance.now() - began) / 1000];
    clearInterval(timer);
    loop.disable();
    return { ...found, cpu, time, lateMs };
  }

  const courses = (first: number, rest = ''): string =>
    `{ courses(first: ${first}${rest}) { totalCount nodes { id title totalEnrollments activeEnrollments instructor { name } } pageInfo { hasNextPage endCursor } } }`;
  const heavy =
    '{ courses(first: 50) { totalCount nodes { id title totalEnrollments activeEnrollments enrollmentsCount { count } enrollmentsByStatus { status count } instructor { name } } pageInfo { hasNextPage endCursor } } }';
  const dearest =
    '{ courses(first: 100) { nodes { id title enrollments(first: 80) { nodes { status student { name } } } } } }';
  const nothing = (count: number): string =>
    `{ ${Array.from({ length: count }, (_, index) => `a${index}: courses(first: 100, filter: { ids: [${900_000 + index}] }) { nodes { id title } }`).join(' ')} }`;
  const tokens = (count: number): string =>
    `{ ${Array.from({ length: count }, (_, index) => `a${index}:nothing`).join(' ')} }`;

  if (ONLY === undefined || ONLY === 'calibration') {
    const kinds: Record<string, Omit<Sent, 'url'>> = {
      'the smallest query': post('{ __typename }'),
      'the smallest query, signed in': post('{ __typename }', admin),
      'a bad token': post('{ __typename }', stranger),
      'no JSON': { method: 'POST', headers: json, body: '{' },
      'no such path': { method: 'GET', headers: {} },
      '1,600 unknown fields (17 KiB)': post(tokens(1600)),
      '1,200 conflicting fields (13 KiB)': post(
        `{ ${Array.from({ length: 600 }, (_, index) => `a${index % 2}: courses(first: ${index}) { totalCount }`).join(' ')} }`,
      ),
      '1 MB of JSON that is no request': {
        method: 'POST',
        headers: json,
        body: JSON.stringify({ query: 1, list: Array.from({ length: 90_000 }, (_, index) => ({ index })) })
          .slice(0, 1_048_575 - 2)
          .replace(/,[^,]*$/, ']}'),
      },
      '1 MB of variables': post('{ __typename }', {}, { list: Array.from({ length: 130_000 }, (_, index) => index) }),
      '20 courses': post(courses(20)),
      '50 courses with computed counts': post(heavy),
      'a page of 100 courses that finds none': post(nothing(1)),
      'fifty of them': post(nothing(50)),
      'an enrollment that is there already': post(
        'mutation { enroll(input: { courseId: 1, studentId: 5 }) { userErrors { code } } }',
        admin,
      ),
    };
    const rows: object[] = [];
    for (const [name, kind] of Object.entries(kinds)) {
      const limits = { RATE_LIMIT: '999999999/3600', RATE_LIMIT_SIGNED_IN: '999999999/3600' };
      const server = await startServer({ config: readConfig({ ...env, ...limits }), database, logger });
      const sent: Sent = {
        ...kind,
        url: name === 'no such path' ? server.url.replace('graphql', 'nothing') : server.url,
      };
      const repeat = (sent.body?.length ?? 0) > 100_000 ? 20 : 400;
      await timed({ list: Array.from({ length: repeat }, () => sent), callers: 8 });
      const before = await leftAt(sent);
      const { statuses, cpu } = await timed({ list: Array.from({ length: repeat }, () => sent), callers: 8 });
      const charged = (before - (await leftAt(sent))) / (repeat + 1);
      rows.push({
        request: name,
        statuses: JSON.stringify(statuses),
        'CPU µs': Math.round((cpu * 1e6) / repeat),
        'in points': Math.round((cpu * 1e6) / repeat / POINT_MICROSECONDS),
        charged: Math.round(charged),
      });
      await server.close();
    }
    const { cpu } = await served({ RATE_LIMIT: '1/3600' }, url => ({
      list: Array.from({ length: 2000 }, () => ({ ...post('{ __typename }'), url })),
      callers: 500,
    }));
    rows.push({ request: 'one that is refused', 'CPU µs': Math.round((cpu * 1e6) / 2000) });
    console.log('What requests cost, and what they are charged');
    console.table(rows);
  }

  if (ONLY === undefined || ONLY === 'school') {
    const students = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => ({
        id: index + 21,
        token: await tokenOf(index + 21, 'student'),
      })),
    );
    const anonymous: readonly Omit<Sent, 'url'>[] = students.flatMap(() => [
      {
        method: 'OPTIONS',
        headers: {
          origin: 'https://school.example',
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'content-type',
        },
      },
      post(heavy),
      post(courses(20)),
      post(courses(20, ', filter: { title: { contains: "a" } }')),
    ]);
    const signedIn = students.flatMap(({ id, token }) => [
      ...Array.from({ length: 5 }, (_, page) =>
        post(courses(20, page > 0 ? `, filter: { title: { contains: "${'aeiou'[page]}" } }` : ''), token),
      ),
      ...Array.from({ length: 5 }, (_, course) =>
        post(
          `mutation { enroll(input: { courseId: ${course + 1}, studentId: ${id} }) { course { totalEnrollments } userErrors { code } } }`,
          token,
        ),
      ),
      post('{ me { id name } courses(first: 20) { nodes { title viewerEnrollment { status } } } }', token),
    ]);
    const at = (url: string, list: readonly Omit<Sent, 'url'>[]): Sent[] => list.map(one => ({ ...one, url }));
    console.log('200 students behind one address, all at once');
    const first = await served({}, url => ({ list: at(url, anonymous), callers: 200 }));
    const second = await served({}, url => ({ list: at(url, signedIn), callers: 200 }));
    const both = await served({}, url => ({ list: [...at(url, anonymous), ...at(url, signedIn)], callers: 200 }));
    console.table({ anonymous: shown(first), 'signed in': shown(second), both: shown(both) });
  }

  if (ONLY === undefined || ONLY === 'floods') {
    const floods: Record<string, Omit<Sent, 'url'>> = {
      'the smallest query': post('{ __typename }'),
      'courses with computed counts': post(heavy),
      'a bad token': post('{ __typename }', stranger),
      'courses with computed counts, one viewer': post(heavy, admin),
      'the dearest': post(dearest),
      'the dearest, one viewer': post(dearest, admin),
      preflights: {
        method: 'OPTIONS',
        headers: { origin: 'https://school.example', 'access-control-request-method': 'POST' },
      },
      'a megabyte with a bad token': {
        ...post('{ __typename }', stranger),
        body: JSON.stringify({
          query: '{ __typename }',
          variables: { list: Array.from({ length: 130_000 }, (_, index) => index) },
        }),
      },
      '1,600 unknown fields': post(tokens(1600)),
    };
    const rows: object[] = [];
    const from = (address: string, one: Omit<Sent, 'url'>, url: string): Sent => ({
      ...one,
      headers: { ...one.headers, 'x-forwarded-for': address },
      url,
    });
    const read = (url: string): Sent => from('198.51.100.1', post(courses(20)), url);
    const alone = await served({ RATE_LIMIT: 'off' }, url => ({
      list: Array.from({ length: 4000 }, () => read(url)),
      callers: 1,
    }));
    const perRead = alone.cpu / 4000;
    console.log(
      `A reader takes ${(perRead * 1e6).toFixed(0)} µs a request, ${((1000 * alone.time) / 4000).toFixed(2)} ms of time.`,
    );
    for (const [name, flood] of Object.entries(floods)) {
      const row: Record<string, unknown> = { flood: name };
      for (const [title, variables] of [
        ['without', { RATE_LIMIT: 'off' }],
        ['with', {}],
      ] as const) {
        let beside: Promise<[Found]> | undefined;
        const result = await served(variables, url => {
          reader.postMessage({ again: read(url), callers: 1, seconds: SECONDS, times: true } satisfies Work);
          beside = once(reader, 'message') as Promise<[Found]>;
          return { again: from('192.0.2.1', flood, url), callers: 32, seconds: SECONDS };
        });
        const [{ median, statuses }] = await beside!;
        const reads = Object.values(statuses).reduce((sum, count) => sum + count, 0);
        row[title] =
          `${((result.cpu - reads * perRead) / result.time).toFixed(2)} of a core; late ${Math.round(result.lateMs)} ms; reader ${median.toFixed(1)} ms ${JSON.stringify(statuses)}`;
        row[`${title}, answers`] = JSON.stringify(result.statuses);
      }
      rows.push(row);
    }
    console.log(`Floods of ${SECONDS} s by 32 connections of one address`);
    console.table(rows);
  }

  await sender.terminate();
  await reader.terminate();
  await database.close(true);
  for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true });

  async function leftAt(sent: Sent): Promise<number> {
    const { headers } = await fetch(sent.url, {
      method: sent.method,
      headers: sent.headers,
      ...(sent.body !== undefined && { body: sent.body }),
    });
    return Number(/r=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1]);
  }
}

function shown({ statuses, cpu, time, lateMs }: Measured): object {
  return {
    answers: JSON.stringify(statuses),
    'CPU s': cpu.toFixed(2),
    s: time.toFixed(2),
    'late ms': Math.round(lateMs),
  };
}

async function send(work: Work): Promise<Found> {
  const times: number[] = [];
  const statuses: Statuses = {};
  const agent = new Agent({ keepAlive: true, maxSockets: work.callers });
  const end = 'again' in work ? performance.now() + work.seconds * 1000 : Infinity;
  let next = 0;
  const caller = async (): Promise<void> => {
    for (;;) {
      const sent = 'again' in work ? (performance.now() < end ? work.again : undefined) : work.list[next++];
      if (!sent) return;
      const start = performance.now();
      const status = await ask(sent, agent);
      if ('again' in work && work.times) times.push(performance.now() - start);
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: work.callers }, caller));
  agent.destroy();
  return { statuses, median: times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? NaN };
}

function ask({ url, method, headers, body }: Sent, agent: Agent): Promise<string> {
  return new Promise(resolve => {
    const sent = request(
      url,
      {
        method,
        headers: { ...headers, ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }) },
        agent,
      },
      answer => {
        answer
          .resume()
          .on('end', () => resolve(String(answer.statusCode)))
          .on('error', () => resolve('cut off'));
      },
    );
    sent.on('error', ({ code }: NodeJS.ErrnoException) => resolve(code ?? 'failed')).end(body);
  });
}
