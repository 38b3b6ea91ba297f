// node_modules/.bin/node bench/live-counts.ts DATABASE_URL: measures the cost of live counts with 1 to 1,000
// subscribers, and the delay of their messages. Build first (npm run build). An empty database is filled with 20,000
// courses, 1,000 of them published. "all 1000" after the URL measures that case alone.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { openFilled, write } from './dataset.ts';

const SECONDS = 5;
const COMMITS_A_SECOND = 10;
const SHOWN = 1000;
const EACH = 10;
/** The settings that give all subscribers, who share one address, room for all courses. */
const ROOM = '20000';
/** The number of subscribers that connect at once. */
const AT_ONCE = 20;
/** The longest time for which messages are awaited after the last commit, in milliseconds. */
const MAX_LATE_MS = 20_000;

const [url, onlyWhat, onlyCount] = process.argv.slice(2);
if (!url) throw new Error('Give the URL of a database: node bench/live-counts.ts mysql://root@127.0.0.1/bench');
const database = await openFilled(url, { courses: 20_000, enrollments: 20_000 });
const first = (await database.em.fork().execute<{ id: number }[]>('select min(id) as id from core_course'))[0]!.id;
await write(database, `update core_course set is_published = case when id < ${first + SHOWN} then 1 else 0 end`);
const commits = new Map<number, { total: number; at: number }>();
let delays: number[] = [];
let messages = 0;

const table: object[] = [];
for (const what of [`${EACH} each`, 'all']) {
  for (const count of [1, 100, 1000]) {
    if (onlyWhat && (onlyWhat !== what || Number(onlyCount) !== count)) continue;
    table.push(await measured(what, count));
    console.log(table.at(-1));
  }
}
console.table(table);
await database.close(true);

interface Measured {
  readonly cpu: number;
  readonly statements: number;
  readonly rss: number;
  readonly seconds: number;
}

async function measured(what: string, count: number): Promise<object> {
  const server = fork(new URL('live-counts-server.ts', import.meta.url), [url!], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, MAX_SUBSCRIPTIONS: ROOM },
  });
  const [address] = (await once(server, 'message')) as [string];
  const sockets: WebSocket[] = [];
  messages = 0;
  for (let index = 0; index < count; index += 1) {
    sockets.push(
      await subscribed(
        address,
        what === 'all' ? null : Array.from({ length: EACH }, (_, one) => first + ((index * 37 + one * 101) % SHOWN)),
      ),
    );
    // Some at a time, because this one process reads for all of them, and a client that is 12 s behind is disconnected.
    while (index % AT_ONCE === 0 && messages < sockets.length * (what === 'all' ? SHOWN : EACH)) await delay(10);
  }
  while (messages < count * (what === 'all' ? SHOWN : EACH)) await delay(10);
  await delay(1000);
  const idle = await spent(server, () => delay(SECONDS * 1000));
  delays = [];
  messages = 0;
  const wanted = what === 'all' ? SECONDS * COMMITS_A_SECOND * count : 0;
  const busy = await spent(server, async () => {
    await writeForAWhile();
    // On a busy machine the last ones come later; what they cost counts too.
    const end = performance.now() + MAX_LATE_MS;
    while (messages < wanted && performance.now() < end) await delay(10);
  });
  await delay(1500);
  for (const socket of sockets) socket.terminate();
  server.disconnect();
  await once(server, 'exit');
  const sorted = delays.toSorted((a, b) => a - b);
  const at = (part: number): string => `${Math.round(sorted[Math.floor(sorted.length * part)] ?? NaN)} ms`;
  const cpu = (one: Measured): string => `${(one.cpu * 100).toFixed(1)}%`;
  return {
    courses: what,
    subscribers: count,
    'CPU, nothing written': cpu(idle),
    'statements/s': idle.statements.toFixed(1),
    'CPU, writing': cpu(busy),
    'statements/s, writing': busy.statements.toFixed(1),
    'messages/s': Math.round(messages / SECONDS),
    'CPU a message': `${Math.round((((busy.cpu - idle.cpu) * busy.seconds) / messages) * 1e6)} µs`,
    'median delay': at(0.5),
    p95: at(0.95),
    memory: `${Math.round(busy.rss / 1e6)} MB`,
  };
}

/** Returns the processor time and the statements of the server in each second of some work. */
async function spent(server: ChildProcess, work: () => Promise<void>): Promise<Measured> {
  const ask = async (): Promise<Measured> => {
    server.send('measure');
    return (await once(server, 'message'))[0] as Measured;
  };
  const [before, start] = [await ask(), performance.now()];
  await work();
  const [after, seconds] = [await ask(), (performance.now() - start) / 1000];
  return {
    cpu: (after.cpu - before.cpu) / seconds,
    statements: (after.statements - before.statements) / seconds,
    rss: after.rss,
    seconds,
  };
}

/** Commits to one course after the other. */
async function writeForAWhile(): Promise<void> {
  for (let commit = 0; commit < SECONDS * COMMITS_A_SECOND; commit += 1) {
    const id = first + ((commit * 211) % SHOWN);
    const [{ total }] = await database.em
      .fork()
      .execute<[{ total: number }]>(`select total_enrollments as total from core_course where id = ${id}`);
    await write(database, `update core_course set total_enrollments = ${total + 1} where id = ${id}`);
    commits.set(id, { total: total + 1, at: performance.now() });
    await delay(1000 / COMMITS_A_SECOND);
  }
}

async function subscribed(address: string, ids: number[] | null): Promise<WebSocket> {
  const socket = new WebSocket(address.replace('http', 'ws'), 'graphql-transport-ws');
  await once(socket, 'open');
  const query =
    'subscription ($ids: [ID!]) { courseCountsChanged(courseIds: $ids) { courseId course { id totalEnrollments activeEnrollments } } }';
  socket.on('message', (data: Buffer) => {
    const text = String(data);
    if (text.includes('connection_ack'))
      socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query, variables: { ids } } }));
    const [, id, total] = /"courseId":"(\d+)".*"totalEnrollments":(\d+)/.exec(text) ?? [];
    if (total === undefined) return;
    messages += 1;
    const commit = commits.get(Number(id));
    if (commit?.total === Number(total)) delays.push(performance.now() - commit.at);
  });
  socket.send('{"type":"connection_init"}');
  return socket;
}
