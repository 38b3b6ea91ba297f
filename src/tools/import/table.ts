import { quotedCell, type BadRow } from './bad-row.js';
import { csvBlocks, type CsvRow } from './csv-rows.js';
import { ImportError } from './import-error.js';
import type { Source } from './source.js';

/** A row of a table: the values of the named columns, by name; '' for a column that the file lacks. */
export interface TableRow<Column extends string> {
  readonly line: number;
  readonly values: Readonly<Record<Column, string>>;
}

/** Successive rows, bad ones apart, with the number of bytes read up to their end. */
export interface TableBlock<Row> {
  readonly rows: readonly Row[];
  readonly bad: readonly BadRow[];
  readonly bytes: number;
}

/** Which columns beside those that are asked for a file may have: all, or only these, in any letter case. */
export interface OtherColumns {
  readonly ignored: 'all' | readonly string[];
}

/**
 * Reads a CSV file whose first row names its columns, in any order and letter case. A file with other columns than
 * those asked for and those ignored is refused; a column without a name may have no values.
 *
 * Columns marked with `?` may be left out, and so may their values. Errors: ImportError, for a file without the others.
 */
export async function* tableBlocks<const Names extends readonly string[]>(
  source: Source,
  names: Names,
  others: OtherColumns,
): AsyncGenerator<TableBlock<TableRow<CsvColumnOf<Names>>>> {
  let positions: Map<string, number> | null = null;
  let header: readonly string[] = [];
  for await (const { rows, bytes } of csvBlocks(source.open())) {
    const bad: BadRow[] = [];
    const good: TableRow<CsvColumnOf<Names>>[] = [];
    for (const row of rows) {
      if (!positions) {
        positions = positionsOf(source, row, names, others);
        header = row.cells ?? [];
        continue;
      }
      const values = row.cells?.length === header.length ? valuesOf(row.cells, positions) : null;
      const mistake = mistakeOf(row, values, header, names);
      if (mistake) bad.push({ file: source.name, line: row.line, ...mistake });
      else good.push({ line: row.line, values: values as Record<CsvColumnOf<Names>, string> });
    }
    yield { rows: good, bad, bytes };
  }
  if (!positions)
    throw new ImportError(
      'IMPORT_HEADER',
      `${source.name} is empty. Its first row must name its columns: ${required(names).join(', ')}.`,
    );
}

type CsvColumnOf<Names extends readonly string[]> = Names[number] extends infer Name
  ? Name extends `${infer Optional}?`
    ? Optional
    : Name & string
  : never;

function required(names: readonly string[]): string[] {
  return names.filter(name => !name.endsWith('?'));
}

function positionsOf(
  source: Source,
  row: CsvRow,
  names: readonly string[],
  { ignored }: OtherColumns,
): Map<string, number> {
  if (!row.cells)
    throw new ImportError(
      'IMPORT_HEADER',
      `${source.name}:${row.line}: ${row.message} The first row must name the columns: ${required(names).join(', ')}.`,
    );
  const found = row.cells.map(cell => cell.toLowerCase());
  const missing = required(names).filter(name => !found.includes(name));
  if (missing.length > 0) {
    throw new ImportError(
      'IMPORT_HEADER',
      `${source.name} has no column ${missing.join(' and no column ')}. Its first row must name its columns, but reads ${quotedCell(row.cells.join(','))}.${separatorHint(row.cells)}`,
    );
  }
  const wanted = names.map(name => name.replace('?', ''));
  const leftOut = ignored === 'all' ? found : ignored.map(name => name.trim().toLowerCase());
  const unknown = row.cells.filter(
    (_, index) => found[index] !== '' && !wanted.includes(found[index]!) && !leftOut.includes(found[index]!),
  );
  if (unknown.length > 0) {
    throw new ImportError(
      'IMPORT_HEADER',
      `${source.name} has columns that are not understood: ${unknown.map(quotedCell).join(', ')}. They may say that a row means something else than an enrollment. Known are ${wanted.join(', ')}. To import the file without them, add ${unknown.map(name => `--ignore-column ${quotedCell(name)}`).join(' ')}.`,
    );
  }
  const twice = wanted.find(name => found.indexOf(name) !== found.lastIndexOf(name));
  if (twice)
    throw new ImportError('IMPORT_HEADER', `${source.name} has the column ${twice} twice. Rename or remove one.`);
  return new Map(wanted.map(name => [name, found.indexOf(name)]));
}

function valuesOf(cells: readonly string[], positions: ReadonlyMap<string, number>): Record<string, string> {
  return Object.fromEntries([...positions].map(([name, position]) => [name, cells[position] ?? '']));
}

function mistakeOf(
  row: CsvRow,
  values: Record<string, string> | null,
  header: readonly string[],
  names: readonly string[],
): Pick<BadRow, 'code' | 'message'> | null {
  if (!row.cells) return { code: row.code, message: row.message };
  if (!values)
    return {
      code: 'COLUMNS',
      message: `The row has ${row.cells.length} values; the header names ${header.length} columns.`,
    };
  const unnamed = row.cells.findIndex((cell, index) => header[index] === '' && cell !== '');
  if (unnamed >= 0)
    return {
      code: 'COLUMNS',
      message: `The value ${quotedCell(row.cells[unnamed]!)} stands in column ${unnamed + 1}, which has no name.`,
    };
  const empty = required(names).find(name => values[name] === '');
  return empty ? { code: 'MISSING_VALUE', message: `The value of ${empty} is missing.` } : null;
}

/** Returns a sentence on the separator where the header seems to have another one than the comma. */
function separatorHint(cells: readonly string[]): string {
  const other = cells.length === 1 ? [...';\t|'].find(one => cells[0]!.includes(one)) : undefined;
  return other ? ` Columns are separated by commas, not by ${quotedCell(other)}.` : '';
}
