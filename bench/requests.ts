// node_modules/.bin/node bench/requests.ts [COURSES]: measures the processor time of a page of courses, by POST and by
// GET, with a token and without. Build first (npm run build). The server runs in this thread, on SQLite, and its
// callers in another, so that the processor time of this thread is the server's. BENCH_REQUESTS (300) is the number of
// requests of a round, BENCH_ROUNDS (11) the number of rounds.
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'node:http';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { once } from 'node:events';

const CALLERS = 16;
const REQUESTS = Number(process.env['BENCH_REQUESTS'] ?? 300);
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 11);

/** One way to request the page. */
interface Way {
  readonly url: string;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
}

if (isMainThread) await measure();
else parentPort!.on('message', (way: Way) => void askMany(way).then(() => parentPort!.postMessage('done')));

async function measure(): Promise<void> {
  const { pino } = await import('pino');
  const { readConfig } = await import('../dist/config/config.js');
  const { startServer } = await import('../dist/http/server.js');
  const { issueToken } = await import('../dist/access/tokens.js');
  const { median, openFilled } = await import('./dataset.ts');
  const courses = Number(process.argv[2] ?? 50);
  const file = join(tmpdir(), `rollcall-bench-${process.pid}.sqlite`);
  const database = await openFilled(`sqlite:${file}`, { courses: 200, enrollments: 6000 });
  const config = readConfig({
    DATABASE_URL: `sqlite:${file}`,
    NODE_ENV: 'test',
    HOST: '127.0.0.1',
    PORT: '0',
    LOG_LEVEL: 'silent',
    METRICS: 'off',
    RATE_LIMIT: '999999999/1',
    RATE_LIMIT_SIGNED_IN: '999999999/1',
  });
  const server = await startServer({ config, database, logger: pino({ level: 'silent' }) });
  const query = `{ courses(first: ${courses}) { totalCount nodes { id title totalEnrollments activeEnrollments instructor { name } } pageInfo { hasNextPage endCursor } } }`;
  const authorization = `Bearer ${await issueToken(config.jwt, { role: 'admin' as never, userId: null, expiresIn: '1h' })}`;
  const post: Way = {
    url: server.url,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  };
  const get: Way = {
    url: `${server.url}?${new URLSearchParams({ query })}`,
    method: 'GET',
    headers: { 'apollo-require-preflight': '1' },
  };
  const withToken = (way: Way): Way => ({ ...way, headers: { ...way.headers, authorization } });
  const ways: Record<string, Way> = {
    'POST with a token': withToken(post),
    'GET with a token': withToken(get),
    'POST without': post,
    'GET without': get,
  };
  const asker = new Worker(new URL(import.meta.url));
  const times: Record<string, number[]> = {};
  // The first round is not counted: the engine compiles in it what is run often. Turn by turn, so that other work falls
  // on all alike.
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [name, way] of Object.entries(ways)) {
      const start = process.threadCpuUsage();
      asker.postMessage(way);
      await once(asker, 'message');
      const { user, system } = process.threadCpuUsage(start);
      if (round > 0) (times[name] ??= []).push((user + system) / REQUESTS);
    }
  }
  console.log(
    `${courses} courses, ${REQUESTS} requests by ${CALLERS} callers, ${ROUNDS} rounds; processor time of a request in µs`,
  );
  console.table(
    Object.entries(times).map(([name, all]) => ({
      name,
      median: Math.round(median(all)),
      best: Math.round(Math.min(...all)),
      worst: Math.round(Math.max(...all)),
    })),
  );
  await asker.terminate();
  await server.close();
  await database.close(true);
  for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true });
}

/** Sends all requests of a round, so many at once as there are callers. */
async function askMany(way: Way): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: CALLERS });
  let left = REQUESTS;
  const caller = async (): Promise<void> => {
    while (left-- > 0) await ask(way, agent);
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  agent.destroy();
}

function ask({ url, method, headers, body }: Way, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent }, answer => {
      let text = '';
      answer
        .setEncoding('utf8')
        .on('data', part => (text += String(part)))
        .on('end', () =>
          answer.statusCode === 200 && text.includes('"totalEnrollments"')
            ? resolve()
            : reject(new Error(`${answer.statusCode} ${text}`)),
        );
    });
    sent.on('error', reject).end(body);
  });
}
