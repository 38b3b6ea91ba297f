// node_modules/.bin/node bench/strategies.ts URL...: measures the cost of each strategy, side by side. Build first (npm
// run build). The URLs name SQLite files, or servers without a database name. BENCH_SECONDS (3) is the duration of each
// load, BENCH_ROUNDS (3) the number of its runs; the medians are printed.
import { subscribe } from 'node:diagnostics_channel';
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { MikroORM, type SqlEntityManager } from '@mikro-orm/sql';
import { insertMany, installTriggers, type CounterStrategy } from 'mikro-orm-counters';
import type { Database } from '../dist/database/database.js';
import { dialectOfUrl } from '../dist/database/texts/database-url.js';
import { ormOptions } from '../dist/database/orm-options.js';
import { Course, Enrollment, User } from '../dist/entities/index.js';
import { enroll } from '../dist/use-cases/enrollments.js';

const STUDENTS = 20_000;
/** Keeps the courses of each kind of load apart, so that no student is in one twice. */
const HOT = { from: 0, count: 300 };
const MANY = { from: 300, count: 1_000 };
const BULK = { from: 1_300, count: 100 };
const COURSES = 1_400;
const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 3);
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 3);
const CALLERS = [1, 8, 32];
const admin = { userId: null, role: 'admin' } as never;
const strategies: CounterStrategy[] = ['hooks', 'triggers'];

let retries = 0;
subscribe('rollcall:transaction-retry', () => {
  retries += 1;
});

/** A database of the bench's own under one strategy, with courses and students. */
interface Bench {
  readonly database: Database;
  readonly courses: readonly number[];
  readonly students: readonly number[];
  /** The number of runs of a load: each run has courses of its own, or takes them in an order of its own. */
  runs: number;
  readonly stop: () => Promise<void>;
}

/** Measures one load and gives what it did in a second. */
type Load = (bench: Bench) => Promise<number>;

async function open(given: string, strategy: CounterStrategy): Promise<Bench> {
  const isFile = dialectOfUrl(given).isFile;
  const url = isFile ? `${given}.${strategy}` : `${given.replace(/\/$/, '')}/bench_${randomUUID().replaceAll('-', '')}`;
  if (isFile) removeFile(url);
  const options = await ormOptions(url, strategy);
  // As many connections as callers; Rollcall's own pool has fewer.
  const database = (await MikroORM.init({
    ...options,
    ...(!isFile && { pool: { min: 0, max: Math.max(...CALLERS) } }),
  } as never)) as unknown as Database;
  await database.schema.ensureDatabase();
  await database.migrator.up();
  if (strategy === 'triggers') await installTriggers(database.em);
  const em = database.em.fork();
  const now = { createdAt: new Date(), updatedAt: new Date() };
  for (let start = 0; start < STUDENTS; start += 1000) {
    await em.insertMany(
      User,
      Array.from({ length: 1000 }, (_, index) => ({
        name: `Student ${start + index}`,
        email: `s${start + index}@example.org`,
        ...now,
      })),
    );
  }
  await em.insertMany(
    Course,
    Array.from({ length: COURSES }, (_, index) => ({
      title: `Course ${index}`,
      status: 'active' as never,
      isPublished: true,
      ...now,
    })),
  );
  const ids = async (entity: typeof User | typeof Course): Promise<number[]> =>
    (
      await em
        .createQueryBuilder(entity as typeof User)
        .select(['id'])
        .execute('all')
    ).map(({ id }) => id as number);
  return {
    database,
    courses: await ids(Course),
    students: await ids(User),
    runs: 0,
    async stop() {
      if (!isFile) await database.schema.dropDatabase();
      await database.close(true);
      if (isFile) removeFile(url);
    },
  };
}

function removeFile(url: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(url.slice('sqlite:'.length) + suffix, { force: true });
}

/** Enrolls from so many callers at once, for some seconds; each enrollment is a transaction of its own. */
function enrolling(callers: number, courseOf: (bench: Bench, run: number, number: number) => number): Load {
  return async bench => {
    const run = bench.runs++;
    let number = 0;
    let done = 0;
    const end = performance.now() + SECONDS * 1000;
    const start = performance.now();
    const caller = async (): Promise<void> => {
      while (performance.now() < end && number < STUDENTS) {
        const mine = number++;
        const { problems } = await enroll(bench.database, admin, {
          courseId: courseOf(bench, run, mine),
          studentId: bench.students[mine]!,
        });
        if (problems.length > 0) throw new Error(problems[0]!.message);
        done += 1;
      }
    };
    await Promise.all(Array.from({ length: callers }, caller));
    return (done * 1000) / (performance.now() - start);
  };
}

/** Inserts 10,000 enrollments in one transaction. */
const inBulk: Load = async bench => {
  const rows = bench.students
    .slice(0, 10_000)
    .map((student, index) => ({ course: bench.courses[BULK.from + (index % BULK.count)]!, student }));
  const start = performance.now();
  await insertMany(bench.database.em.fork() as SqlEntityManager, Enrollment, rows);
  const rate = (rows.length * 1000) / (performance.now() - start);
  await bench.database.em
    .fork()
    .transactional(async em => (em as SqlEntityManager).execute('delete from core_enrollments', [], 'run'));
  await bench.database.em
    .fork()
    .execute('update core_course set total_enrollments = 0, active_enrollments = 0', [], 'run');
  return rate;
};

const loads: [name: string, callers: number, load: Load][] = [
  ...CALLERS.map((callers): [string, number, Load] => [
    'enroll, one course',
    callers,
    enrolling(callers, ({ courses }, run) => courses[HOT.from + (run % HOT.count)]!),
  ]),
  ...CALLERS.map((callers): [string, number, Load] => [
    'enroll, 1,000 courses',
    callers,
    enrolling(callers, ({ courses }, run, number) => courses[MANY.from + ((number * 7 + run) % MANY.count)]!),
  ]),
  ['insertMany, 10,000 rows', 1, inBulk],
];

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;

console.log(`| database | load | callers | hooks, per second | triggers, per second | triggers / hooks | retried |`);
console.log(`|---|---|---:|---:|---:|---:|---:|`);
for (const url of process.argv.slice(2)) {
  const benches = await Promise.all(strategies.map(strategy => open(url, strategy)));
  for (const [name, callers, load] of loads) {
    retries = 0;
    const rates: number[][] = [[], []];
    // Turn by turn, so that other work on the machine slows both alike.
    for (let round = 0; round < ROUNDS; round++)
      for (const [index, bench] of benches.entries()) rates[index]!.push(await load(bench));
    const [hooks, triggers] = rates.map(median) as [number, number];
    console.log(
      `| ${dialectOfUrl(url).kind} | ${name} | ${callers} | ${Math.round(hooks).toLocaleString('en')} | ${Math.round(triggers).toLocaleString('en')} | ${(triggers / hooks).toFixed(2)} | ${retries} |`,
    );
  }
  for (const bench of benches) await bench.stop();
}
