// node_modules/.bin/node bench/verify.ts DATABASE_URL [COURSES ENROLLMENTS]: measures the time of a verify of all
// courses, beside a bare GROUP BY. Build first (npm run build). An empty database is filled with 20,000 courses and
// 2,000,000 enrollments.
import { verify, type VerifyOptions } from 'mikro-orm-counters';
import { Course } from '../dist/entities/index.js';
import { median, openFilled, seconds, setExact, write } from './dataset.ts';

const ROUNDS = 7;

const [url, courses = '20000', enrollments = '2000000'] = process.argv.slice(2);
if (!url) throw new Error('Give the URL of a database: node bench/verify.ts mysql://root@127.0.0.1/bench');
const database = await openFilled(url, { courses: Number(courses), enrollments: Number(enrollments) });
const em = database.em.fork() as never;

const groupBy = 'select course_id, count(*) from core_enrollments group by course_id';
const conditional =
  "select course_id, count(*), sum(case when status = 'active' then 1 else 0 end) from core_enrollments group by course_id";

await setExact(database);
const work: Record<string, () => Promise<string>> = {
  'the bare GROUP BY': async () => `${(await database.em.fork().execute<unknown[]>(groupBy)).length} courses`,
  'the same, with the ACTIVE ones': async () =>
    `${(await database.em.fork().execute<unknown[]>(conditional)).length} courses`,
  verify: () => verified({}),
  'verify in chunks of 1,000': () => verified({ batchSize: 1000 }),
  'verify in chunks of 100': () => verified({ batchSize: 100 }),
};
await measure('exact counts');
await write(database, 'update core_course set total_enrollments = total_enrollments + 1 where id % 100 = 0');
await measure('1% drifting');
await setExact(database);
await database.close(true);

async function verified(options: VerifyOptions): Promise<string> {
  let [chunks, checked, drifts] = [0, 0, 0];
  for await (const chunk of verify(em, Course, options)) {
    chunks += 1;
    checked += chunk.checked;
    drifts += chunk.drifts.length;
  }
  return `${checked} courses in ${chunks} chunks, ${drifts} drifts`;
}

/** Takes turns, so that what else the machine does falls on all alike. */
async function measure(what: string): Promise<void> {
  const times: Record<string, number[]> = {};
  const results: Record<string, string> = {};
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [name, run] of Object.entries(work)) {
      const start = performance.now();
      results[name] = await run();
      if (round > 0) (times[name] ??= []).push(performance.now() - start);
    }
  }
  console.log(what);
  console.table(
    Object.entries(times).map(([name, all]) => ({
      name,
      median: seconds(median(all)),
      best: seconds(Math.min(...all)),
      worst: seconds(Math.max(...all)),
      result: results[name],
    })),
  );
}
