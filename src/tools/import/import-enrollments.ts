import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Database } from '../../database/database.js';
import { partedRows, type BadRow } from './bad-row.js';
import type { DateForm } from './dates.js';
import { enrollmentAliases, enrollmentColumns, enrollmentRowOf, type ImportedEnrollment } from './enrollment-rows.js';
import { placing } from './place-batch.js';
import type { Placement } from './placement.js';
import { foundCourses, foundUsers, type Matching } from './references.js';
import { runImport, type ImportOptions, type ImportResult } from './run-import.js';
import type { Source } from './source.js';
import { tableBlocks, type TableBlock, type TableOptions } from './table.js';

/** How the file of an import is read. */
export interface FileOptions extends Pick<TableOptions, 'form' | 'header' | 'values' | 'map'> {
  /** Columns that are left out; others that are not known are refused. */
  readonly ignoredColumns?: readonly string[];
  /** How dates are written, ISO 8601 if left out. */
  readonly dates?: DateForm;
}

/** How an import of enrollments runs. */
export interface EnrollmentImportOptions extends ImportOptions, FileOptions {
  readonly matching?: Matching;
}

/**
 * Imports enrollments from a table: `course` (an id, or an exact title), `student` (a user's id or email), and
 * optionally `status` (ACTIVE if left out) and `enrolled_at` (ISO 8601, now if left out).
 *
 * A pair that is enrolled already stays as it is, so the same file can be imported again. A column of another name may
 * turn the meaning of a row around, such as `action` with `UNENROLL`, so such a file is refused. Errors: ImportError.
 */
export function importEnrollments(
  database: Database,
  source: Source,
  options: EnrollmentImportOptions = {},
): Promise<ImportResult> {
  return runImport(
    database,
    {
      sources: [source],
      measured: source,
      blocks: () => enrollmentBlocks(source, options),
      ...placing<ImportedEnrollment>((em, rows) => placementsOf(em, rows, options.matching ?? {})),
    },
    options,
  );
}

async function* enrollmentBlocks(
  source: Source,
  { ignoredColumns = [], dates, ...options }: EnrollmentImportOptions,
): AsyncGenerator<TableBlock<ImportedEnrollment>> {
  const now = new Date();
  const table = { ...options, ignored: ignoredColumns, aliases: enrollmentAliases };
  for await (const { rows, bad, bytes } of tableBlocks(source, enrollmentColumns, table)) {
    const read = partedRows(rows.map(row => enrollmentRowOf(source.name, row, now, dates)));
    yield { rows: read.rows, bad: [...bad, ...read.bad], bytes };
  }
}

/** Finds the courses and students of some rows. */
export async function placementsOf(
  em: SqlEntityManager,
  rows: readonly ImportedEnrollment[],
  matching: Matching,
): Promise<{ placements: Placement[]; bad: BadRow[] }> {
  const courseOf = await foundCourses(
    em,
    rows.map(({ course }) => course),
    matching,
  );
  const studentOf = await foundUsers(
    em,
    rows.map(({ student }) => student),
    matching,
  );
  const { rows: placements, bad } = partedRows(
    rows.map(({ file, line, course, student, ...enrollment }): Placement | BadRow => {
      const courseId = courseOf(course);
      if (typeof courseId !== 'number') return { file, line, ...courseId };
      const studentId = studentOf(student);
      if (typeof studentId !== 'number') return { file, line, ...studentId };
      return { file, line, courseId, studentId, ...enrollment };
    }),
  );
  return { placements, bad };
}
