// node_modules/.bin/node bench/adopt.ts [DATABASE [COURSES ENROLLMENTS]]: measures how long it takes to check, copy and
// open the database of a Django app in place and to take that back, and what writers of that app notice. Build first (npm
// run build). DATABASE is mysql, mariadb or postgresql; the server is started from the program on PATH.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DjangoApp, untilDone } from '../test/support/django-app.ts';
import { djangoTables, filledByDjango } from '../test/support/django-tables.ts';
import { startDatabase } from './comparison/database-server.ts';
import { memoryOf } from './comparison/processor-time.ts';
import { startPostgreSql } from './comparison/postgresql.ts';
import { seconds } from './dataset.ts';

const CONNECTIONS = 4;
const STUDENTS = 100_000;
/** The number of courses that get their enrollments in one statement. */
const AT_ONCE = 1000;
/** How long the writers are watched alone, in milliseconds. */
const QUIET_MS = 15_000;
/** How often the memory of a command is read, in milliseconds. */
const MEMORY_EVERY_MS = 100;

const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

/** A write of the app: when it began and how long it took, in milliseconds. */
interface Write {
  readonly at: number;
  readonly took: number;
}

const [asked = 'mysql', courseCount = '20000', enrollmentCount = '2000000'] = process.argv.slice(2);
const kind = (['mysql', 'mariadb', 'postgresql'] as const).find(one => one === asked);
if (!kind) throw new Error(`The database is mysql, mariadb or postgresql, not "${asked}".`);
const folder = mkdtempSync(join(tmpdir(), 'rollcall-adopt-'));
const server = await (kind === 'postgresql' ? startPostgreSql(folder) : startDatabase(kind, folder));
const { url } = server;
const map = join(folder, 'map.json');
const environment = { ...process.env, DATABASE_URL: url, ROLLCALL_MAP: map, LOG_LEVEL: 'warn' };
try {
  if (kind !== 'postgresql') await makeDatabase();
  await fill({ courses: Number(courseCount), enrollments: Number(enrollmentCount) });
  await measureAll();
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function makeDatabase(): Promise<void> {
  const maker = await DjangoApp.connect(url.replace(/bench$/, ''));
  await maker.run('create database bench character set utf8mb4');
  await maker.end();
}

/** Makes the tables of the app and fills them with SQL, with exact totals. */
async function fill({ courses, enrollments }: { courses: number; enrollments: number }): Promise<void> {
  const start = performance.now();
  const app = await DjangoApp.connect(url);
  for (const sql of djangoTables(kind!)) await app.run(sql);
  // Django makes an index for each foreign key, and the other servers make them by themselves.
  if (kind === 'postgresql')
    for (const [table, column] of [
      ['core_course', 'category_id'],
      ['core_course', 'instructor_id'],
      ['core_enrollments', 'course_id'],
      ['core_enrollments', 'student_id'],
    ])
      await app.run(`create index ${table}_${column}_5b0f on ${table} (${column})`);
  const flag = (value: boolean): string => (kind === 'postgresql' ? String(value) : value ? '1' : '0');
  const now = "'2026-01-01 00:00:00'";
  await app.run(
    `insert into core_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined, role, phone, bio, created_at, updated_at)
     select n + 1, '!', ${flag(false)}, concat('user', n), 'Student', concat('No. ', n), concat('user', n, '@school.example'), ${flag(false)}, ${flag(true)}, ${now}, 'student', '', '', ${now}, ${now}
     from ${numbers(STUDENTS)} numbers`,
  );
  await app.run(
    `insert into core_course (id, title, slug, description, short_description, price, level, duration_hours, status, is_published, total_enrollments, rating, created_at, updated_at, category_id, instructor_id)
     select n + 1, concat('Course ', n), concat('course-', n), 'All of it.', '', 49.9, 'beginner', 8, case n % 10 when 0 then 'draft' when 1 then 'archived' else 'published' end, ${flag(true)}, 0, 4.5, ${now}, ${now}, null, n % 200 + 1
     from ${numbers(courses)} numbers`,
  );
  const each = Math.round(enrollments / courses);
  const status = `case n % 10 when 0 then 'completed' when 1 then 'dropped' when 2 then 'suspended' else 'active' end`;
  for (let first = 1; first <= courses; first += AT_ONCE)
    await app.run(
      `insert into core_enrollments (status, progress, enrolled_at, last_accessed, certificate_issued, course_id, student_id)
       select ${status}, 12.5, ${now}, ${now}, ${flag(false)}, c.id, (c.id * 7 + n * 13) % ${STUDENTS / 2} + 1
       from core_course c cross join ${numbers(each)} numbers where c.id between ${first} and ${first + AT_ONCE - 1} order by c.id`,
    );
  const counts = '(select course_id, count(*) as n from core_enrollments group by course_id) counted';
  await app.run(
    kind === 'postgresql'
      ? `update core_course set total_enrollments = n from ${counts} where course_id = id`
      : `update core_course join ${counts} on course_id = id set total_enrollments = n`,
  );
  if (kind === 'postgresql')
    for (const table of ['core_user', 'core_course', 'core_enrollments'])
      await app.run(`select setval(pg_get_serial_sequence('${table}', 'id'), (select max(id) from ${table}))`);
  await app.rows(kind === 'postgresql' ? 'analyze' : 'analyze table core_user, core_course, core_enrollments');
  await app.end();
  console.log(
    `${kind}: filled with ${courses} courses and ${enrollments} enrollments in ${seconds(performance.now() - start)}`,
  );
}

/** Returns a table of the numbers from 0, in SQL that all three databases know. */
function numbers(count: number): string {
  const digit = `(${Array.from({ length: 10 }, (_, value) => `select ${value} as d`).join(' union all ')})`;
  const places = Array.from({ length: String(count - 1).length }, (_, place) => `${digit} p${place}`);
  const sum = places.map((_, place) => `p${place}.d * ${10 ** place}`).join(' + ');
  return `(select n from (select ${sum} as n from ${places.join(' cross join ')}) every where n < ${count})`;
}

async function measureAll(): Promise<void> {
  const apps = await Promise.all(Array.from({ length: CONNECTIONS }, () => DjangoApp.connect(url, 'django')));
  const writes: Write[] = [];
  let isOver = false;
  const writing = apps.map((app, index) => writeAsDjango(app, index, writes, () => isOver));
  const rows: Record<string, string | number>[] = [];
  const step = async (name: string, work: () => Promise<number>): Promise<void> => {
    const from = performance.now();
    const memory = await work();
    rows.push({
      step: name,
      took: seconds(performance.now() - from),
      'memory, MB': Math.round(memory),
      ...told(writes, from),
    });
    console.log(`${name}: ${rows.at(-1)!['took']}`);
  };
  await step('the app alone', async () => {
    await new Promise(resolve => setTimeout(resolve, QUIET_MS));
    return Number.NaN;
  });
  await step('adopt --check', () => command('adopt', '--check', '--write-map'));
  completeMap();
  await step('adopt', () => command('adopt'));
  await step('adopt --yes', () => command('adopt', '--yes'));
  await step('the app alone, adopted', async () => {
    await new Promise(resolve => setTimeout(resolve, QUIET_MS));
    return Number.NaN;
  });
  await step('verify', () => command('verify'));
  await step('adopt --undo --yes', () => command('adopt', '--undo', '--yes'));
  environment.DATABASE_URL = `${url}_copy`;
  await step('import database', () => command('import', 'database', '--from', url, '--map', map));
  isOver = true;
  await Promise.all(writing);
  for (const app of apps) await app.end();
  console.table(rows);
}

/** Adds to the guessed map what an INSERT into the app's tables must fill, and statuses that no row has. */
function completeMap(): void {
  const guessed = JSON.parse(readFileSync(map, 'utf8')) as Record<'courses' | 'enrollments', { fill?: object }>;
  guessed.courses.fill = filledByDjango.courses;
  guessed.enrollments.fill = filledByDjango.enrollments;
  writeFileSync(map, JSON.stringify(guessed, null, 2));
}

/** Runs a command of Rollcall's, and returns the most memory that it was seen to take, in MB. */
async function command(...parameters: string[]): Promise<number> {
  const child = spawn(process.execPath, [main, ...parameters], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-8000);
    });
  let most = 0;
  const look = setInterval(() => {
    most = Math.max(most, memoryOf(child.pid!) || 0);
  }, MEMORY_EVERY_MS);
  const [code] = (await once(child, 'exit')) as [number | null];
  clearInterval(look);
  // 3: counts drift, because nobody keeps the active ones while the app writes.
  if (code !== 0 && code !== 3) throw new Error(`rollcall ${parameters.join(' ')} ended with ${code}:\n${output}`);
  return most;
}

/** Enrolls and unenrolls students of one connection's own, as the app and its signals do, until it is over. */
async function writeAsDjango(app: DjangoApp, index: number, writes: Write[], isOver: () => boolean): Promise<void> {
  const student = STUDENTS / 2 + 1 + index;
  for (let round = 0; !isOver(); round += 1) {
    const course = ((round * 7919 + index * 104_729) % Number(courseCount)) + 1;
    await timed(writes, () => app.create(course, student));
    await timed(writes, () => app.delete(course, student));
  }
}

async function timed(writes: Write[], write: () => Promise<void>): Promise<void> {
  const at = performance.now();
  await untilDone(write);
  writes.push({ at, took: performance.now() - at });
}

/** Returns what writers noticed since a moment. */
function told(writes: readonly Write[], from: number): Record<string, string | number> {
  const took = writes.filter(({ at, took: lasted }) => at + lasted >= from).map(one => one.took);
  took.sort((a, b) => a - b);
  const at = (share: number): string =>
    `${took[Math.min(took.length - 1, Math.floor(took.length * share))]?.toFixed(1)} ms`;
  return {
    'writes/s': Math.round((took.length * 1000) / (performance.now() - from)),
    median: at(0.5),
    '99%': at(0.99),
    worst: at(1),
  };
}
