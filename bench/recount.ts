// node_modules/.bin/node bench/recount.ts DATABASE_URL [COURSES ENROLLMENTS]: measures how much a recount of 1 %
// drifting courses slows writers at full speed. Build first (npm run build). An empty database is filled with 20,000
// courses and 2,000,000 enrollments.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { verify } from 'mikro-orm-counters';
import { Course } from '../dist/entities/index.js';
import { startRecount, workOn } from '../dist/recounts/index.js';
import { operator } from '../dist/access/viewer.js';
import { openFilled, seconds, setExact, write } from './dataset.ts';
import type { Written } from './writer.ts';

const PROCESSES = 4;
const LOOPS = 4;
const ROUNDS = 5;
/**
 * How long the writers are watched in the first round before there is a recount, in milliseconds; later as long as
 * the recount before took.
 */
let quietTime = 5000;

const [url, courses = '20000', enrollments = '2000000'] = process.argv.slice(2);
if (!url) throw new Error('Give the URL of a database: node bench/recount.ts mysql://root@127.0.0.1/bench');
const database = await openFilled(url, { courses: Number(courses), enrollments: Number(enrollments) });
await setExact(database);
// Half of all writes go to courses that drift, so that writers and repairs meet.
const drifting = (
  await database.em.fork().execute<{ id: number }[]>('select id from core_course where id % 100 = 0')
).map(({ id }) => id);
const writers = Array.from({ length: PROCESSES }, () =>
  fork(fileURLToPath(new URL('writer.ts', import.meta.url)), [url, JSON.stringify(drifting), String(LOOPS)]),
);
await Promise.all(writers.map(writer => once(writer, 'message')));

const now = (): number => performance.timeOrigin + performance.now();
const [without, during]: [number, number][][] = [[], []];
await delay(1000);
for (let round = 0; round < ROUNDS; round += 1) {
  const quiet = now();
  await delay(quietTime);
  without!.push([quiet, now()]);
  await write(database, 'update core_course set total_enrollments = total_enrollments + 5 where id % 100 = 0');
  await delay(200);
  const start = now();
  const { value } = await startRecount(database, operator, { startedBy: 'bench' });
  const run = await workOn(database, value!);
  quietTime = now() - start;
  during!.push([start, start + quietTime]);
  console.log(
    `recount ${round + 1}: ${run.status}, ${run.checked} checked, ${run.repaired} repaired in ${seconds(quietTime)}`,
  );
}
const written = (
  await Promise.all(
    writers.map(async writer => {
      const answer = once(writer, 'message');
      writer.send('stop');
      return (await answer)[0] as Written[];
    }),
  )
).flat();
console.table([told('without a recount', without!), told('with a recount', during!)]);
let drifts = 0;
for await (const chunk of verify(database.em.fork(), Course)) drifts += chunk.drifts.length;
console.log(`drift at the end: ${drifts}`);
await database.close(true);

function told(name: string, windows: readonly (readonly [number, number])[]): Record<string, string | number> {
  const inside = written.filter(({ at }) => windows.some(([from, to]) => at >= from && at <= to));
  const took = inside.map(one => one.took).toSorted((a, b) => a - b);
  const length = windows.reduce((sum, [from, to]) => sum + to - from, 0);
  const at = (share: number): string =>
    `${took[Math.min(took.length - 1, Math.floor(took.length * share))]!.toFixed(1)} ms`;
  return {
    name,
    watched: seconds(length),
    'changes/s': Math.round((took.length * 1000) / length),
    median: at(0.5),
    '99%': at(0.99),
    worst: at(1),
    errors: inside.filter(({ error }) => error !== null).length,
  };
}
