import { SqliteDriver } from '@mikro-orm/sql';
import { openDatabase, type Database } from '../dist/database/database.js';

/** The size of a benchmark's database. */
export interface Size {
  readonly courses: number;
  readonly enrollments: number;
  /**
   * The courses enrollments by Zipf's law, the first a tenth of them (9.5 % at 20,000 courses), with teachers,
   * drafts and terms.
   */
  readonly skewed?: boolean;
}

/** A prime, so that each course's students are all different. */
const STUDENTS = 10_007;
/** A prime too, and more than the enrollments of the largest skewed course. */
const MANY_STUDENTS = 400_009;
/** The number of teachers of the skewed courses; the first teaches a tenth of them. */
const TEACHERS = 200;
/** The number of courses that get their enrollments in one statement. */
const AT_ONCE = 2000;

/**
 * By how much the number of courses may differ, as a part of it, in a database that was filled before: what a benchmark
 * measures adds some and takes some away.
 */
const MAX_DIFFERENCE = 0.1;

/**
 * Opens the database that a URL names and fills it with SQL, with exact counts, unless it is of about that size
 * already.
 */
export async function openFilled(url: string, size: Size): Promise<Database> {
  const database = await openDatabase(url);
  await database.schema.ensureDatabase();
  await database.migrator.up();
  const [found] = await database.em
    .fork()
    .execute<{ courses: number; enrollments: number }[]>(
      'select (select count(*) from core_course) as courses, (select count(*) from core_enrollments) as enrollments',
    );
  if (
    Math.abs(Number(found!.courses) - size.courses) <= MAX_DIFFERENCE * size.courses &&
    Number(found!.enrollments) > 0
  )
    return database;
  if (Number(found!.courses) > 0)
    throw new Error(
      `The database holds ${found!.courses} courses already; give one that is empty, or of ${size.courses} courses.`,
    );
  const start = performance.now();
  await (size.skewed ? fillSkewed : fill)(database, size);
  console.log(
    `filled with ${size.courses} courses and ${size.enrollments} enrollments in ${seconds(performance.now() - start)}`,
  );
  return database;
}

/** Sets every stored count to the actual count. */
export async function setExact(database: Database): Promise<void> {
  const count = (where: string): string =>
    `(select count(*) from core_enrollments e where e.course_id = core_course.id${where})`;
  await write(
    database,
    `update core_course set total_enrollments = ${count('')}, active_enrollments = ${count(" and e.status = 'active'")}`,
  );
}

/** Writes with raw SQL, bypassing the counters. */
export async function write(database: Database, sql: string): Promise<void> {
  await database.em.fork().transactional(em => em.execute(sql, [], 'run'));
}

/** Formats milliseconds. */
export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}

/** Returns the median of some numbers. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

async function fill(database: Database, { courses, enrollments }: Size): Promise<void> {
  const sqlite = database.driver instanceof SqliteDriver;
  const now = sqlite ? '0' : "'2026-01-01'";
  const text = (label: string, number: string): string =>
    sqlite ? `'${label} ' || ${number}` : `concat('${label} ', ${number})`;
  await write(
    database,
    `insert into core_user (name, email, role, created_at, updated_at) select ${text('Student', 'n')}, ${text('student', 'n')}, 'student', ${now}, ${now} from ${numbers(5)} where n < ${STUDENTS}`,
  );
  await write(
    database,
    `insert into core_course (title, status, is_published, created_at, updated_at) select ${text('Course', 'n')}, 'active', 1, ${now}, ${now} from ${numbers(5)} where n < ${courses}`,
  );
  const [first] = await database.em
    .fork()
    .execute<{ student: number; course: number }[]>(
      'select (select min(id) from core_user) as student, (select min(id) from core_course) as course',
    );
  const each = Math.round(enrollments / courses);
  for (let start = 0; start < courses; start += AT_ONCE) {
    const status = `case n % 10 when 0 then 'completed' when 1 then 'dropped' when 2 then 'suspended' else 'active' end`;
    await write(
      database,
      `insert into core_enrollments (course_id, student_id, status, enrolled_at, updated_at)
       select c.id, ${first!.student} + (c.id * 7 + n * 13) % ${STUDENTS}, ${status}, ${now}, ${now}
       from core_course c join ${numbers(4)} where n < ${each} and c.id between ${first!.course + start} and ${first!.course + start + AT_ONCE - 1} order by c.id`,
    );
  }
  await setExact(database);
  await write(database, sqlite ? 'analyze' : 'analyze table core_course, core_enrollments');
}

async function fillSkewed(database: Database, { courses, enrollments }: Size): Promise<void> {
  const sqlite = database.driver instanceof SqliteDriver;
  const text = (label: string, number: string): string =>
    sqlite ? `'${label} ' || (${number})` : `concat('${label} ', ${number})`;
  const now = sqlite ? '1767225600000' : "'2026-01-01'";
  const before = (hours: string): string =>
    sqlite ? `1767225600000 - (${hours}) * 3600000` : `'2026-01-01' - interval (${hours}) hour`;
  const people = (label: string, role: string, digits: number, count: number): string =>
    `insert into core_user (name, email, role, created_at, updated_at) select ${text(label, 'n')}, ${text(role, 'n')}, '${role}', ${now}, ${now} from ${numbers(digits)} where n < ${count} order by n`;
  const first = async (from: string): Promise<number> =>
    Number((await database.em.fork().execute<{ id: number }[]>(`select min(id) as id from ${from}`))[0]!.id);
  await write(database, people('Teacher', 'teacher', 3, TEACHERS));
  await write(database, people('Student', 'student', 6, MANY_STUDENTS));
  const teacher = await first(`core_user where role = 'teacher'`);
  const student = await first(`core_user where role = 'student'`);
  await write(
    database,
    `insert into core_course (title, description, status, is_published, instructor_id, created_at, updated_at)
     select ${text('Course', 'n')}, ${text('All that there is to know about course', 'n')}, case n % 10 when 8 then 'draft' when 9 then 'archived' else 'active' end, case n % 10 when 8 then 0 else 1 end,
       ${teacher} + case n % 10 when 0 then 0 else n % ${TEACHERS} end, ${before('n')}, ${now} from ${numbers(5)} where n < ${courses} order by n`,
  );
  const course = await first('core_course');
  const harmonic = Array.from({ length: courses }, (_, index) => 1 / (index + 1)).reduce((sum, one) => sum + one, 0);
  const largest = enrollments / harmonic;
  const status = `case n % 10 when 0 then 'completed' when 1 then 'dropped' when 2 then 'suspended' else 'active' end`;
  const rank = `(c.id - ${course - 1})`;
  // Of courses that have as many digits, together: each is joined with as many numbers.
  for (let digits = 6; digits > 0; digits -= 1) {
    const [from, to] = [
      Math.floor(largest / 10 ** digits) + 1,
      Math.min(courses, Math.floor(largest / 10 ** (digits - 1))),
    ];
    // The rows of some hundred courses each time, so that no transaction is large.
    for (let start = from; start <= to; start += AT_ONCE) {
      await write(
        database,
        `insert into core_enrollments (course_id, student_id, status, enrolled_at, updated_at)
         select c.id, ${student} + (c.id * 7 + n * 13) % ${MANY_STUDENTS}, ${status}, ${before(`${rank} + n % 200`)}, ${now}
         from ${numbers(digits)} cross join core_course c where c.id between ${course - 1 + start} and ${course - 1 + Math.min(to, start + AT_ONCE - 1)} and n < ${largest} / ${rank} order by n, c.id`,
      );
    }
  }
  await setExact(database);
  await write(database, sqlite ? 'analyze' : 'analyze table core_user, core_course, core_enrollments');
}

/** Returns a table of the numbers from 0 to 10^digits − 1, in SQL that all three databases know. */
function numbers(digits: number): string {
  const digit =
    '(select 0 as d union all select 1 union all select 2 union all select 3 union all select 4 union all select 5 union all select 6 union all select 7 union all select 8 union all select 9)';
  const places = Array.from({ length: digits }, (_, place) => `${digit} p${place}`);
  const sum = places.map((_, place) => `p${place}.d * ${10 ** place}`).join(' + ');
  return `(select ${sum} as n from ${places.join(' cross join ')}) numbers`;
}
