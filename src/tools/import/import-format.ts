import type { Database } from '../../database/database.js';
import { EnrollmentStatus } from '../../entities/index.js';
import { quotedCell, type BadRow } from './bad-row.js';
import type { ImportedEnrollment } from './enrollment-rows.js';
import type { EnrollmentFormat, FormatColumn } from './formats/enrollment-format.js';
import { placementsOf, type EnrollmentImportOptions } from './import-enrollments.js';
import { placing } from './place-batch.js';
import { referenceOf } from './references.js';
import { runImport, type ImportResult } from './run-import.js';
import type { Source } from './source.js';
import { tableBlocks, type TableBlock, type TableOptions, type TableRow } from './table.js';

/** The text that `--values` gives to roles and operations whose rows are left out. */
const SKIP = 'skip';

/**
 * Imports a file of a format that another system defines, and does what its rows say: enroll with a status, give an
 * enrollment that is there another status, or unenroll. A row with a role that no student has, or an operation that the
 * format does not know, is bad. `values` says what such texts mean: another one of the format, or `skip`.
 *
 * Done again from its beginning, a file leads to the same statuses. Errors: ImportError.
 */
export function importFormat(
  database: Database,
  source: Source,
  format: EnrollmentFormat,
  options: EnrollmentImportOptions = {},
): Promise<ImportResult> {
  return runImport(
    database,
    {
      hasOperations: true,
      sources: [source],
      measured: source,
      blocks: () => formatBlocks(source, format, options),
      ...placing<ImportedEnrollment>((em, rows) => placementsOf(em, rows, options.matching ?? {})),
    },
    options,
  );
}

type FormatRow = TableRow<FormatColumn>;

async function* formatBlocks(
  source: Source,
  format: EnrollmentFormat,
  { ignoredColumns = [], dates = format.dates, form, map, ...options }: EnrollmentImportOptions,
): AsyncGenerator<TableBlock<ImportedEnrollment>> {
  const now = new Date();
  const columns = Object.entries(format.columns) as [FormatColumn, string][];
  const table: TableOptions = {
    ...(format.header && { header: format.header }),
    ...options,
    form: { ...(format.delimiter !== undefined && { delimiter: format.delimiter }), ...form },
    map: new Map([...columns.filter(([column]) => !format.optional.includes(column)), ...(map ?? [])]),
    aliases: Object.fromEntries(columns.map(([column, name]) => [column, [name]])),
    ignored: ignoredColumns,
    unused: format.unused,
    shortRows: format.shortRows ?? false,
    footer: format.footer,
  };
  const names = columns.map(([column]) => (format.optional.includes(column) ? `${column}?` : column));
  for await (const { rows, bad, bytes } of tableBlocks(source, names, table)) {
    const read = rows.map(row => enrollmentOf(source.name, row as FormatRow, format, { now, dates }));
    yield {
      rows: read.flatMap(row => (row === SKIP || 'code' in row ? [] : [row])),
      bad: [...bad, ...read.flatMap(row => (row !== SKIP && 'code' in row ? [row] : []))],
      skipped: read.filter(row => row === SKIP).length,
      bytes,
    };
  }
}

function enrollmentOf(
  file: string,
  { line, values }: FormatRow,
  format: EnrollmentFormat,
  { now, dates }: { readonly now: Date; readonly dates: EnrollmentFormat['dates'] },
): ImportedEnrollment | BadRow | typeof SKIP {
  const bad = (code: BadRow['code'], message: string): BadRow => ({ file, line, code, message });
  const text = (column: FormatColumn): string => values[column] ?? '';
  const [role, action, suspended, kind] = (['role', 'operation', 'suspended', 'kind'] as const).map(column =>
    text(column).toLowerCase(),
  ) as [string, string, string, string];
  if (role === SKIP || action === SKIP) return SKIP;
  if (format.kind !== undefined && kind !== format.kind)
    return bad('BAD_OPERATION', `The ${format.columns.kind} ${quotedCell(kind)} is not ${format.kind}.`);
  if (format.studentRoles && !format.studentRoles.includes(role))
    return bad(
      'BAD_ROLE',
      `The role ${quotedCell(role)} is not a student's, and only students are enrolled here. To leave such rows out, add --values ${quotedCell(`role:${role}=skip`)}; to enroll them, --values ${quotedCell(`role:${role}=${format.studentRoles[0]}`)}.`,
    );
  const operation = Object.hasOwn(format.operations, action) ? format.operations[action] : undefined;
  if (operation === undefined)
    return bad(
      'BAD_OPERATION',
      `The ${format.columns.operation ?? 'operation'} ${quotedCell(action)} is none of ${Object.keys(format.operations).filter(Boolean).join(', ')}.`,
    );
  const suspends = format.suspensions ? format.suspensions[suspended] : false;
  if (suspends === undefined)
    return bad(
      'BAD_OPERATION',
      `The ${format.columns.suspended} ${quotedCell(suspended)} is none of ${Object.keys(format.suspensions!).filter(Boolean).join(', ')}.`,
    );
  const date = text('enrolled_at') === format.noDate ? '' : text('enrolled_at');
  const enrolledAt = date === '' ? now : dates.read(date);
  if (!enrolledAt) return bad('BAD_DATE', `The moment ${quotedCell(date)} is not ${dates.expected}.`);
  return {
    file,
    line,
    course: referenceOf(text('course')),
    student: referenceOf(text('student')),
    enrolledAt,
    ...(operation === 'unenroll'
      ? { operation: 'remove', status: EnrollmentStatus.DROPPED }
      : {
          operation: 'set',
          status: suspends && operation === EnrollmentStatus.ACTIVE ? EnrollmentStatus.SUSPENDED : operation,
        }),
  };
}
