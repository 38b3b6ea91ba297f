import type { Database } from '../../src/database/database.js';
import { Role, type EnrollmentStatus } from '../../src/entities/index.js';
import {
  resumeRun,
  runById,
  startRecount,
  workOn,
  type ClaimedRun,
  type CourseChange,
  type RecountRequest,
  type Run,
  type WorkOptions,
} from '../../src/recounts/index.js';
import type { Outcome } from '../../src/use-cases/outcome.js';
import { operator } from '../../src/access/viewer.js';
import { addCourses, addEnrollments, addUsers } from './rows.js';

export { operator };

/** Adds courses with two ACTIVE enrollments and a DROPPED one each and returns their ids, ascending. */
export async function addFullCourses(database: Database, count: number): Promise<number[]> {
  const [students, courses] = [
    await addUsers(database, Role.STUDENT, 3),
    await addCourses(
      database,
      Array.from({ length: count }, (_, index) => ({ title: `Course ${index}` })),
    ),
  ];
  const statuses = ['active', 'active', 'dropped'] as EnrollmentStatus[];
  await addEnrollments(
    database,
    courses.flatMap(course => students.map((student, index) => ({ course, student, status: statuses[index] }))),
  );
  return courses;
}

/** Writes 9 over the total enrollments of courses, bypassing the counters. */
export async function breakTotals(database: Database, courses: readonly number[], total = 9): Promise<void> {
  await write(database, `update core_course set total_enrollments = ${total} where id in (${courses.join(', ')})`);
}

/** Writes with raw SQL, bypassing the counters. */
export async function write(database: Database, sql: string): Promise<void> {
  await database.em.getConnection().execute(sql, [], 'run');
}

/** Returns the value of an outcome; an outcome without one fails with its problems. */
export function valueOf<Value>({ value, problems }: Outcome<Value>): Value {
  if (value === null) throw new Error(problems.map(({ code, message }) => `${code}: ${message}`).join('\n'));
  return value;
}

/** Returns the codes of an outcome's problems. */
export function codesOf({ problems }: Outcome<unknown>): string[] {
  return problems.map(({ code }) => code);
}

/** Starts a recount and works on it until it ends. */
export async function recountAll(
  database: Database,
  request: RecountRequest = {},
  options: WorkOptions = {},
): Promise<Run> {
  return workOn(database, valueOf(await startRecount(database, operator, request)), options);
}

/** Resumes a run and works on it to its end. */
export async function continueRun(database: Database, id: number, options: WorkOptions = {}): Promise<Run> {
  return workOn(database, valueOf(await resumeRun(database, operator, { id })), options);
}

/** Returns the changes that a run has recorded. */
export async function changesOf(database: Database, { id }: Pick<ClaimedRun, 'id'>): Promise<CourseChange[]> {
  const rows = await database.em
    .getConnection()
    .execute<{ counter: string; course_id: number; count_before: number; count_after: number }[]>(
      'select counter, course_id, count_before, count_after from core_recount_changes where run_id = ? order by id',
      [id],
    );
  return rows.map(row => ({
    counter: row.counter,
    courseId: row.course_id,
    before: row.count_before,
    after: row.count_after,
  }));
}

/** Returns a run as an admin sees it. */
export async function readRun(database: Database, id: number): Promise<Run> {
  return (await runById(database, operator, { id }))!;
}
