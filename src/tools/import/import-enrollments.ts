import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Database } from '../../database/database.js';
import { partedRows, type BadRow } from './bad-row.js';
import { enrollmentAliases, enrollmentColumns, enrollmentRowOf, type ImportedEnrollment } from './enrollment-rows.js';
import { placing } from './place-batch.js';
import type { Placement } from './placement.js';
import { foundCourses, foundUsers, type Matching } from './references.js';
import { runImport, type ImportOptions, type ImportResult } from './run-import.js';
import type { Source } from './source.js';
import { readBlocks, type FileOptions } from './read-blocks.js';

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
      blocks: () => readBlocks(source, enrollmentColumns, enrollmentAliases, options, enrollmentRowOf),
      ...placing<ImportedEnrollment>((em, rows) => placementsOf(em, rows, options.matching ?? {})),
    },
    options,
  );
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
      if (typeof courseId === 'object') return { file, line, ...courseId };
      const studentId = studentOf(student);
      if (typeof studentId === 'object') return { file, line, ...studentId };
      return { file, line, courseId, studentId, ...enrollment };
    }),
  );
  return { placements, bad };
}
