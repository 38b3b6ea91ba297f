/** The enrollments of students, which are so few that a list of them reads and sorts all. */
import type { Key } from '../entities/index.js';
import type { Database } from '../database/database.js';
import { hasOnlyOurs, type EnrollmentFilter } from './enrollments.js';
import { rowsBy } from './merged-page.js';
import { fitsLimit, hasMoreThan, maxRowsRead, TooManyRows } from './rows-limit.js';

/** The rows that are read at most of each enrollment: itself, and its course. */
const ROWS_OF_ENROLLMENT = 2;

/** Makes sure that some students have few enough enrollments to read all of them. Errors: TooManyRows. */
export async function requireFewOfStudents(
  database: Database,
  students: readonly Key[],
  filter: EnrollmentFilter,
  reading: 'page' | 'count',
): Promise<void> {
  if (students.length === 0) return;
  // A student is in each course once, save in another application's database.
  const [table, times] = hasOnlyOurs(database)
    ? (['core_course', ROWS_OF_ENROLLMENT * students.length] as const)
    : (['core_enrollments', ROWS_OF_ENROLLMENT] as const);
  if (await fitsLimit(database, table, times)) return;
  const all = rowsBy(database, 'core_enrollments', ['student_id']).where('student_id', 'in', [...students]);
  if (await hasMoreThan(database, all, maxRowsRead(database) / (1 + ROWS_OF_ENROLLMENT)))
    throw new TooManyRows(database, filter, reading);
}
