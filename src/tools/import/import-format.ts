import type { Database } from '../../database/database.js';
import type { ImportedEnrollment } from './enrollment-rows.js';
import { formatRowOf, SKIP, type FormatContext } from './format-rows.js';
import type { EnrollmentFormat, FormatColumn } from './formats/enrollment-format.js';
import { ImportError } from './import-error.js';
import { placementsOf, type EnrollmentImportOptions } from './import-enrollments.js';
import { placing } from './place-batch.js';
import { runImport, type ImportResult } from './run-import.js';
import type { Source } from './source.js';
import { tableBlocks, type TableBlock, type TableOptions } from './table.js';

/**
 * Imports a file of a format that another system defines, and does what its rows say: enroll with a status, give an
 * enrollment that is there another status, or unenroll. A row with a role that no student has, or an operation that the
 * format does not know, is bad. `values` says what such texts mean: another one of the format, `skip`, or for an
 * operation also one of our statuses.
 *
 * Done again from its beginning, a file leads to the same statuses. Errors: ImportError.
 */
export function importFormat(
  database: Database,
  source: Source,
  format: EnrollmentFormat,
  options: EnrollmentImportOptions = {},
): Promise<ImportResult> {
  if (format.otherFile && source.name.toLowerCase().includes(format.otherFile.name))
    throw new ImportError(
      'IMPORT_FILE',
      `${source.name} ${format.otherFile.reason}. Only students are enrolled here. If it has students, rename it.`,
    );
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

async function* formatBlocks(
  source: Source,
  format: EnrollmentFormat,
  { ignoredColumns = [], dates = format.dates, form, map, values, ...options }: EnrollmentImportOptions,
): AsyncGenerator<TableBlock<ImportedEnrollment>> {
  const context: FormatContext = { file: source.name, format, now: new Date(), dates, meanings: values ?? new Map() };
  const columns = Object.entries(format.columns) as [FormatColumn, string][];
  const preferred = Object.entries(format.preferred ?? {});
  const isOptional = (column: FormatColumn): boolean =>
    format.optional.includes(column) || format.preferred?.[column] !== undefined;
  const table: TableOptions = {
    ...(format.header && { header: format.header }),
    ...options,
    form: { ...(format.delimiter !== undefined && { delimiter: format.delimiter }), ...form },
    map: new Map([...columns.filter(([column]) => !isOptional(column)), ...(map ?? [])]),
    aliases: Object.fromEntries(columns.map(([column, name]) => [column, [name]])),
    either: preferred.filter(([column]) => !format.optional.includes(column as FormatColumn)),
    ignored: ignoredColumns,
    unused: format.unused,
    whenMissing: format.whenMissing ?? {},
    shortRows: format.shortRows ?? false,
    footer: format.footer,
  };
  const names = [
    ...columns.map(([column]) => (isOptional(column) ? `${column}?` : column)),
    ...[...preferred.map(([, name]) => name), ...Object.keys(format.refused ?? {})].map(name => `${name}?`),
  ];
  for await (const { rows, bad, bytes } of tableBlocks(source, names, table)) {
    const read = rows.map(row => formatRowOf(row, context));
    yield {
      rows: read.flatMap(row => (row === SKIP || 'code' in row ? [] : [row])),
      bad: [...bad, ...read.flatMap(row => (row !== SKIP && 'code' in row ? [row] : []))],
      skipped: read.filter(row => row === SKIP).length,
      bytes,
    };
  }
}
