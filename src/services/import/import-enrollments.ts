import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Database } from '../../database/database.js';
import { partedRows, quote, type BadRow } from './bad-row.js';
import { enrollmentColumns, enrollmentRowOf, type EnrollmentRow, type Reference } from './enrollment-rows.js';
import { coursesBy, usersBy } from './lookups.js';
import type { Placement } from './placement.js';
import { runImport, type ImportOptions, type ImportResult } from './run-import.js';
import type { Source } from './source.js';
import { tableBlocks, type TableBlock } from './table.js';

/** How an import of enrollments runs; columns that it does not know are refused unless they are named here. */
export interface EnrollmentImportOptions extends ImportOptions {
  readonly ignoredColumns?: readonly string[];
}

/**
 * Imports enrollments from CSV: `course` (an id, or an exact title), `student` (a user's id or email), and optionally
 * `status` (ACTIVE if left out) and `enrolled_at` (ISO 8601, now if left out).
 *
 * A pair that is enrolled already stays as it is, so the same file can be imported again. A column of another name may turn
 * the meaning of a row around, such as `action` with `UNENROLL`, so such a file is refused. Errors: ImportError.
 */
export function importEnrollments(database: Database, source: Source, { ignoredColumns = [], ...options }: EnrollmentImportOptions = {}): Promise<ImportResult> {
  return runImport(database, { sources: [source], measured: source, blocks: () => enrollmentBlocks(source, ignoredColumns), resolve: placementsOf }, options);
}

async function* enrollmentBlocks(source: Source, ignored: readonly string[]): AsyncGenerator<TableBlock<EnrollmentRow>> {
  const now = new Date();
  for await (const { rows, bad, bytes } of tableBlocks(source, enrollmentColumns, { ignored })) {
    const read = partedRows(rows.map(row => enrollmentRowOf(source.name, row, now)));
    yield { rows: read.rows, bad: [...bad, ...read.bad], bytes };
  }
}

async function placementsOf(em: SqlEntityManager, rows: readonly EnrollmentRow[]): Promise<{ placements: Placement[]; bad: BadRow[] }> {
  const courses = await idsOfCourses(em, rows.map(({ course }) => course));
  const students = await idsOfStudents(em, rows.map(({ student }) => student));
  const placements: Placement[] = [];
  const bad: BadRow[] = [];
  for (const { file, line, course, student, status, enrolledAt } of rows) {
    const [courseId, ...others] = courses(course);
    const [studentId, ...namesakes] = students(student);
    if (courseId === undefined) bad.push({ file, line, code: 'UNKNOWN_COURSE', message: `There is no course ${nameOf(course)}.` });
    else if (others.length > 0) bad.push({ file, line, code: 'AMBIGUOUS_COURSE', message: `${others.length + 1} courses are called ${nameOf(course)}; give the id of one.` });
    else if (studentId === undefined) bad.push({ file, line, code: 'UNKNOWN_STUDENT', message: `There is no user ${nameOf(student)}.` });
    else if (namesakes.length > 0) bad.push({ file, line, code: 'AMBIGUOUS_STUDENT', message: `${namesakes.length + 1} users have the email ${nameOf(student)} (ids ${[studentId, ...namesakes].join(', ')}); give the id of one.` });
    else placements.push({ file, line, courseId, studentId, status, enrolledAt });
  }
  return { placements, bad };
}

async function idsOfCourses(em: SqlEntityManager, references: readonly Reference[]): Promise<(reference: Reference) => readonly number[]> {
  const { ids, texts } = parted(references);
  const existing = new Set((await coursesBy(em, 'id', ids)).map(({ id }) => id));
  const byTitle = Map.groupBy(await coursesBy(em, 'title', texts), ({ title }) => title);
  return reference => ('id' in reference ? [reference.id].filter(id => existing.has(id)) : (byTitle.get(reference.text) ?? []).map(({ id }) => id));
}

/** Returns a function that finds the ids of the students that a reference can mean; more than one share an email. */
async function idsOfStudents(em: SqlEntityManager, references: readonly Reference[]): Promise<(reference: Reference) => readonly number[]> {
  const { ids, texts } = parted(references);
  const existing = new Set((await usersBy(em, 'id', ids)).map(({ id }) => id));
  const byEmail = Map.groupBy(await usersBy(em, 'email', texts.flatMap(text => [text, text.toLowerCase()])), ({ email }) => email);
  return reference => {
    if ('id' in reference) return [reference.id].filter(id => existing.has(id));
    return (byEmail.get(reference.text) ?? byEmail.get(reference.text.toLowerCase()) ?? []).map(({ id }) => id);
  };
}

function parted(references: readonly Reference[]): { ids: number[]; texts: string[] } {
  const ids = references.flatMap(reference => ('id' in reference ? [reference.id] : []));
  return { ids: [...new Set(ids)], texts: [...new Set(references.flatMap(reference => ('text' in reference ? [reference.text] : [])))] };
}

function nameOf(reference: Reference): string {
  return 'id' in reference ? `with the id ${reference.id}` : quote(reference.text);
}
