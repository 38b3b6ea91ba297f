// node_modules/.bin/node bench/flush.ts DATABASE_URL: measures a flush of 1,000 enrollments over 100 courses, with counters
// and without. Build first (npm run build). The URL names an empty database, or one that this program has filled.
import { MikroORM } from '@mikro-orm/sql';
import { insertMany } from 'mikro-orm-counters';
import type { Database } from '../dist/database/database.js';
import { ormOptions } from '../dist/database/orm-options.js';
import { Course, Enrollment, EnrollmentStatus, User } from '../dist/entities/index.js';
import { median, openFilled, write } from './dataset.ts';

const ROUNDS = 21;
const WARM_UP_ROUNDS = 5;
const COURSES = 100;
const ROWS = 1000;

const [url] = process.argv.slice(2);
if (!url) throw new Error('Give the URL of a database: node bench/flush.ts mysql://root@127.0.0.1/bench');
const counting = await openFilled(url, { courses: 200, enrollments: 200 });
const plain = await withoutCounters(url);
const ids = async (table: string, most: number): Promise<number[]> =>
  (await counting.em.fork().execute<{ id: number }[]>(`select id from ${table} order by id desc limit ${most}`))
    .map(({ id }) => id)
    .toReversed();
const courses = await ids('core_course', COURSES);
const students = await ids('core_user', ROWS);
const [{ last } = { last: 0 }] = await counting.em
  .fork()
  .execute<{ last: number }[]>('select max(id) as last from core_enrollments');

/** The number of rows for each course: the same for all, or from 1 to 19. */
const spreads: Record<string, (index: number) => number> = {
  '10 in each course': () => ROWS / COURSES,
  '1 to 19 in a course': index => 1 + (index % 19),
};
for (const [spread, sizeOf] of Object.entries(spreads)) {
  const rows = courses.flatMap((course, index) =>
    students.slice(index, index + sizeOf(index)).map(student => ({ course, student })),
  );
  // em.insertMany() fills nothing in.
  const complete = rows.map(row => ({
    ...row,
    status: EnrollmentStatus.ACTIVE,
    enrolledAt: new Date(),
    updatedAt: new Date(),
  }));
  const work: Record<string, () => Promise<unknown>> = {
    'flush without counters': () => flush(plain, rows),
    'flush with counters': () => flush(counting, rows),
    'em.insertMany() without counters': () => plain.em.fork().insertMany(Enrollment, complete),
    'insertMany() with counters': () => insertMany(counting.em.fork(), Enrollment, complete as never),
  };
  await measure(`${rows.length} enrollments, ${spread}`, work);
}
await counting.close(true);
await plain.close(true);

async function withoutCounters(at: string): Promise<Database> {
  const { entityManager: _counting, ...options } = (await ormOptions(at)) as Record<string, unknown>;
  return MikroORM.init({ ...options, subscribers: [] } as never);
}

async function flush(database: Database, rows: readonly { course: number; student: number }[]): Promise<void> {
  const em = database.em.fork();
  for (const { course, student } of rows)
    em.create(Enrollment, {
      course: em.getReference(Course, course, { wrapped: true }),
      student: em.getReference(User, student, { wrapped: true }),
    });
  await em.flush();
}

/** Takes turns, so that what else the machine does falls on all alike; each round begins with another one. */
async function measure(what: string, work: Record<string, () => Promise<unknown>>): Promise<void> {
  const times: Record<string, number[]> = {};
  const names = Object.keys(work);
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round += 1) {
    for (const index of names.keys()) {
      const name = names[(index + Math.abs(round)) % names.length]!;
      const start = performance.now();
      await work[name]!();
      if (round >= 0) (times[name] ??= []).push(performance.now() - start);
      await write(counting, `delete from core_enrollments where id > ${last}`);
    }
  }
  console.log(what);
  console.table(
    names.map((name, index) => {
      const base = times[names[index - (index % 2)]!]!;
      const ratios = times[name]!.map((time, round) => time / base[round]!);
      return {
        name,
        'median ms': median(times[name]!).toFixed(1),
        'best ms': Math.min(...times[name]!).toFixed(1),
        'median of the ratios': median(ratios).toFixed(2),
      };
    }),
  );
}
