// node_modules/.bin/node bench/live-flood.ts DATABASE_URL: measures what one address can take from the live counts of a
// server, and the memory that this costs: pings whose answers nobody reads, sockets that never begin, subscriptions by
// many sockets, and whole catalogs for each. Build first (npm run build). An empty database is filled with 20,000
// courses, 1,000 of them published.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { openFilled, write } from './dataset.ts';

const SHOWN = 1000;
/** The time that a server gets to come to rest, in milliseconds. */
const REST = 3000;
const SUBSCRIPTION =
  'subscription ($ids: [ID!]) { courseCountsChanged(courseIds: $ids) { courseId course { totalEnrollments } } }';

const [url] = process.argv.slice(2);
if (!url) throw new Error('Give the URL of a database: node bench/live-flood.ts mysql://root@127.0.0.1/bench');
const database = await openFilled(url, { courses: 20_000, enrollments: 20_000 });
const first = (await database.em.fork().execute<{ id: number }[]>('select min(id) as id from core_course'))[0]!.id;
await write(database, `update core_course set is_published = case when id < ${first + SHOWN} then 1 else 0 end`);
await database.close(true);
const ids = Array.from({ length: SHOWN }, (_, index) => String(first + index));

interface Flood {
  readonly what: string;
  readonly sockets: number;
  /** Does its worst with one socket; comes back when that is done. */
  readonly abuse: (socket: WebSocket) => Promise<void>;
}

const floods: readonly Flood[] = [
  { what: 'pings of 60 KB, 18 MB by each socket, answers not read', sockets: 100, abuse: pingUnread(60_000) },
  { what: 'pings of 128 KB, 18 MB by each socket, answers not read', sockets: 100, abuse: pingUnread(130_000) },
  { what: 'sockets that send nothing', sockets: 6000, abuse: () => Promise.resolve() },
  { what: '50 subscriptions to a course by each socket', sockets: 110, abuse: subscribe(50, [ids[0]!]) },
  { what: '50 subscriptions to 1,000 courses by each socket', sockets: 100, abuse: subscribe(50, ids) },
];

/** The subscriptions that were taken in a flood, and what ends the watching of its memory. */
const taken: string[] = [];
let ended = Promise.withResolvers<boolean>();
const table: object[] = [];
for (const flood of floods) {
  table.push(await measured(flood));
  console.log(table.at(-1));
}
console.table(table);

async function measured({ what, sockets: count, abuse }: Flood): Promise<object> {
  const server = fork(new URL('live-counts-server.ts', import.meta.url), [url!], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [address] = (await once(server, 'message')) as [string];
  const rss = async (): Promise<number> => {
    server.send('measure');
    return ((await once(server, 'message')) as [{ rss: number }])[0].rss;
  };
  const before = await rss();
  const sockets: WebSocket[] = [];
  let refused = 0;
  let most = 0;
  const watch = (async () => {
    for (let open = true; open;) {
      most = Math.max(most, await rss());
      open = server.connected && !(await Promise.race([delay(500, false), ended.promise]));
    }
  })();
  for (let index = 0; index < count; index += 1) {
    const socket = new WebSocket(address.replace('http', 'ws'), 'graphql-transport-ws');
    socket.on('error', () => undefined);
    const isOpen = await once(socket, 'open').then(
      () => true,
      () => false,
    );
    if (!isOpen) refused += 1;
    else {
      sockets.push(socket);
      await abuse(socket);
    }
  }
  await delay(REST);
  const left = sockets.filter(({ readyState }) => readyState === WebSocket.OPEN).length;
  ended.resolve(true);
  await watch;
  ended = Promise.withResolvers<boolean>();
  for (const socket of sockets) socket.terminate();
  server.disconnect();
  await once(server, 'exit');
  return {
    what,
    sockets: count,
    refused,
    'left after 3 s': left,
    subscriptions: taken.splice(0).length,
    'memory before': mb(before),
    most: mb(most),
  };
}

function mb(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

/** Begins a connection. */
async function begin(socket: WebSocket): Promise<void> {
  const acknowledged = once(socket, 'message');
  socket.send('{"type":"connection_init"}');
  await Promise.race([acknowledged, once(socket, 'close')]);
}

function pingUnread(bytes: number): Flood['abuse'] {
  return async socket => {
    await begin(socket);
    socket.pause();
    const ping = JSON.stringify({ type: 'ping', payload: { long: 'x'.repeat(bytes) } });
    for (let sent = 0; sent < 18_000_000 && socket.readyState === WebSocket.OPEN; sent += bytes) {
      // Until the server takes no more.
      const flushed = new Promise<true>(resolve => socket.send(ping, () => resolve(true)));
      if (!(await Promise.race([flushed, delay(300, false)]))) return;
    }
  };
}

function subscribe(count: number, courses: readonly string[]): Flood['abuse'] {
  return async socket => {
    await begin(socket);
    const answered = new Set<string>();
    const all = Promise.withResolvers<void>();
    socket.on('message', (data: Buffer) => {
      const { id, type, payload } = JSON.parse(String(data)) as {
        id: string;
        type: string;
        payload?: { errors?: unknown };
      };
      if (type === 'next' && !payload?.errors && !answered.has(id)) taken.push(id);
      answered.add(id);
      if (answered.size === count) all.resolve();
    });
    for (let index = 0; index < count; index += 1)
      socket.send(
        JSON.stringify({
          id: `${index}`,
          type: 'subscribe',
          payload: { query: SUBSCRIPTION, variables: { ids: courses } },
        }),
      );
    await Promise.race([all.promise, once(socket, 'close')]);
  };
}
