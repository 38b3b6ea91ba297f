import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Database } from '../../database/database.js';
import { partedRows, quotedCell, type BadRow } from './bad-row.js';
import { enrollmentColumns, enrollmentRowOf, type ImportedEnrollment, type Reference } from './enrollment-rows.js';
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
 * A pair that is enrolled already stays as it is, so the same file can be imported again. A column of another name may
 * turn the meaning of a row around, such as `action` with `UNENROLL`, so such a file is refused. Errors: ImportError.
 */
export function importEnrollments(
  database: Database,
  source: Source,
  { ignoredColumns = [], ...options }: EnrollmentImportOptions = {},
): Promise<ImportResult> {
  return runImport(
    database,
    {
      sources: [source],
      measured: source,
      blocks: () => enrollmentBlocks(source, ignoredColumns),
      resolve: placementsOf,
    },
    options,
  );
}

async function* enrollmentBlocks(
  source: Source,
  ignored: readonly string[],
): AsyncGenerator<TableBlock<ImportedEnrollment>> {
  const now = new Date();
  for await (const { rows, bad, bytes } of tableBlocks(source, enrollmentColumns, { ignored })) {
    const read = partedRows(rows.map(row => enrollmentRowOf(source.name, row, now)));
    yield { rows: read.rows, bad: [...bad, ...read.bad], bytes };
  }
}

async function placementsOf(
  em: SqlEntityManager,
  rows: readonly ImportedEnrollment[],
): Promise<{ placements: Placement[]; bad: BadRow[] }> {
  const courses = await idsOfCourses(
    em,
    rows.map(({ course }) => course),
  );
  const students = await idsOfStudents(
    em,
    rows.map(({ student }) => student),
  );
  const placements: Placement[] = [];
  const bad: BadRow[] = [];
  for (const { file, line, course, student, status, enrolledAt } of rows) {
    const [courseId, ...others] = courses(course);
    const [studentId, ...namesakes] = students(student);
    if (courseId === undefined)
      bad.push({ file, line, code: 'UNKNOWN_COURSE', message: `There is no course ${referenceName(course)}.` });
    else if (others.length > 0)
      bad.push({ file, line, code: 'AMBIGUOUS_COURSE', message: ambiguous(course, [courseId, ...others]) });
    else if (studentId === undefined)
      bad.push({ file, line, code: 'UNKNOWN_STUDENT', message: `There is no user ${referenceName(student)}.` });
    else if (namesakes.length > 0)
      bad.push({
        file,
        line,
        code: 'AMBIGUOUS_STUDENT',
        message: `${namesakes.length + 1} users have the email ${referenceName(student)} (ids ${[studentId, ...namesakes].join(', ')}); give the id of one.`,
      });
    else placements.push({ file, line, courseId, studentId, status, enrolledAt });
  }
  return { placements, bad };
}

async function idsOfCourses(
  em: SqlEntityManager,
  references: readonly Reference[],
): Promise<(reference: Reference) => readonly number[]> {
  const existing = new Set((await coursesBy(em, 'id', numericIdsIn(references))).map(({ id }) => id));
  const byTitle = Map.groupBy(
    await coursesBy(em, 'title', [...new Set(references.map(({ text }) => text))]),
    ({ title }) => title,
  );
  // A course may be called by a number, and another one have it for its id.
  return ({ id, text }) => [
    ...new Set([
      ...(id !== null && existing.has(id) ? [id] : []),
      ...(byTitle.get(text) ?? []).map(course => course.id),
    ]),
  ];
}

/** Returns a function that finds the ids of the students that a reference can mean; more than one share an email. */
async function idsOfStudents(
  em: SqlEntityManager,
  references: readonly Reference[],
): Promise<(reference: Reference) => readonly number[]> {
  const existing = new Set((await usersBy(em, 'id', numericIdsIn(references))).map(({ id }) => id));
  const emails = new Set(references.flatMap(({ id, text }) => (id === null ? [text, text.toLowerCase()] : [])));
  const byEmail = Map.groupBy(await usersBy(em, 'email', [...emails]), ({ email }) => email);
  return ({ id, text }) => {
    if (id !== null) return [id].filter(one => existing.has(one));
    return (byEmail.get(text) ?? byEmail.get(text.toLowerCase()) ?? []).map(user => user.id);
  };
}

function numericIdsIn(references: readonly Reference[]): number[] {
  return [...new Set(references.flatMap(({ id }) => (id === null ? [] : [id])))];
}

/** Returns why a text can mean more than one course. */
function ambiguous({ id, text }: Reference, courses: readonly number[]): string {
  if (id === null || !courses.includes(id))
    return `${courses.length} courses are called ${quotedCell(text)}; give the id of one.`;
  return `${quotedCell(text)} is the id of one course, and another is called so (id ${courses.filter(course => course !== id).join(', ')}); give that id, or give the other course another title.`;
}

function referenceName({ id, text }: Reference): string {
  return id === null ? quotedCell(text) : `with the id ${id}`;
}
