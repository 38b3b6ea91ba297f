import { quotedCell, type BadRow } from './bad-row.js';
import { placesOfColumns, namesAmong, requiredOf, type ColumnNames } from './columns.js';
import type { TextRow } from './csv-rows.js';
import { ImportError } from './import-error.js';
import type { Source } from './source.js';
import { rowBlocks, type TextForm } from './text-rows.js';

/** A row of a table: the values of the named columns, by name; '' for a column that the file lacks. */
export interface FileRow<Column extends string> {
  readonly line: number;
  readonly values: Readonly<Record<Column, string>>;
}

/** Successive rows, bad ones apart, with the number of bytes read up to their end. */
export interface TableBlock<Row> {
  readonly rows: readonly Row[];
  readonly bad: readonly BadRow[];
  readonly bytes: number;
  /** The number of rows that the options left out. */
  readonly skipped?: number;
}

/** How a table is read. */
export interface TableOptions extends ColumnNames {
  readonly form?: TextForm;
  /** The names of the columns of a file whose first row does not name them. */
  readonly header?: readonly string[];
  /** What the texts of a column mean, by the column's name and the text in lower case. */
  readonly values?: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Columns whose names are known, and which are not used; a note names those that the file has. See `namesAmong()`. */
  readonly unused?: readonly string[];
  /** What to do about a row that lacks the value of a column, by the column's name. */
  readonly whenMissing?: Readonly<Partial<Record<string, string>>>;
  /** Whether a row may end before its last columns. */
  readonly shortRows?: boolean;
  /** The beginning of a line that is no row, such as the last one of some formats. */
  readonly footer?: string | undefined;
  /** Called with what was guessed about the file, and the line that showed it. */
  readonly onNote?: (note: string) => void;
}

/**
 * Reads a table whose first row names its columns, in any order, letter case and way to join words. A file with other
 * columns than those asked for and those ignored is refused; a column without a name may have no values.
 *
 * Columns marked with `?` may be left out, and so may their values. Errors: ImportError, for a file without the others.
 */
export async function* tableBlocks<const Names extends readonly string[]>(
  source: Source,
  names: Names,
  options: TableOptions,
): AsyncGenerator<TableBlock<FileRow<FileColumn<Names>>>> {
  const { header: given, values: meanings, onNote } = options;
  let header = given;
  const note = (text: string, line: number): void => onNote?.(`${source.name}:${line}: ${text}`);
  const positionsIn = (found: readonly string[]) => {
    const unused = namesAmong(found, options.unused ?? []);
    const ignored = options.ignored === 'all' ? 'all' : [...options.ignored, ...unused];
    const where = placesOfColumns(source, found, names, { ...options, ignored });
    if (unused.length > 0) note(`not used are the columns ${unused.join(', ')}.`, 1);
    return where;
  };
  let positions = given && positionsIn(given);
  for await (const { rows, bytes } of rowBlocks(source.open(), options.form, note)) {
    const bad: BadRow[] = [];
    const good: FileRow<FileColumn<Names>>[] = [];
    for (const row of rows) {
      if (!header || !positions) {
        header = headerIn(source, row, names);
        positions = positionsIn(header);
        continue;
      }
      // Spreadsheets write rows of empty cells below the last one.
      if (row.cells?.every(cell => cell === '')) continue;
      if (options.footer !== undefined && row.cells?.[0]?.startsWith(options.footer)) continue;
      const fits =
        row.cells && (row.cells.length === header.length || (options.shortRows && row.cells.length < header.length));
      const values = fits ? valuesOf(row.cells, positions, meanings) : null;
      const mistake = mistakeOf(row, values, { header, positions, names, options });
      if (mistake) bad.push({ file: source.name, line: row.line, ...mistake });
      else good.push({ line: row.line, values: values as Record<FileColumn<Names>, string> });
    }
    yield { rows: good, bad, bytes };
  }
  if (!positions)
    throw new ImportError(
      'IMPORT_HEADER',
      `${source.name} is empty. Its first row must name its columns: ${requiredOf(names).join(', ')}.`,
    );
}

/** The names of the columns of a table, without the mark of those that may be left out. */
export type FileColumn<Names extends readonly string[]> = Names[number] extends infer Name
  ? Name extends `${infer Optional}?`
    ? Optional
    : Name & string
  : never;

function headerIn(source: Source, row: TextRow, names: readonly string[]): readonly string[] {
  if (row.cells) return row.cells;
  throw new ImportError(
    'IMPORT_HEADER',
    `${source.name}:${row.line}: ${row.message} The first row must name the columns: ${requiredOf(names).join(', ')}.`,
  );
}

function valuesOf(
  cells: readonly string[],
  positions: ReadonlyMap<string, number>,
  meanings: TableOptions['values'],
): Record<string, string> {
  return Object.fromEntries(
    [...positions].map(([name, position]) => {
      const cell = cells[position] ?? '';
      return [name, meanings?.get(name)?.get(cell.toLowerCase()) ?? cell];
    }),
  );
}

function mistakeOf(
  row: TextRow,
  values: Record<string, string> | null,
  {
    header,
    positions,
    names,
    options: { either = [], whenMissing = {} },
  }: {
    readonly header: readonly string[];
    readonly positions: ReadonlyMap<string, number>;
    readonly names: readonly string[];
    readonly options: TableOptions;
  },
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
  const needed = [...requiredOf(names).map(name => [name]), ...either];
  const empty = needed.find(group => group.every(name => values[name] === ''));
  if (!empty) return null;
  const called = empty.flatMap(name => header[positions.get(name) ?? -1] ?? []);
  const remedy = whenMissing[empty[0]!];
  return {
    code: 'MISSING_VALUE',
    message: `The value of ${called.join(' or ')} is missing.${remedy === undefined ? '' : ` ${remedy}`}`,
  };
}
