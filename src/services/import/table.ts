import { quote, type BadRow } from './bad-row.js';
import { csvBlocks, type CsvRow } from './csv-rows.js';
import { ImportError } from './import-error.js';
import type { Source } from './source.js';

/** Is one row of a table: the values of the named columns, by name; a column that the file lacks gives ''. */
export interface TableRow<Column extends string> {
  readonly line: number;
  readonly values: Readonly<Record<Column, string>>;
}

/** Is some rows that follow each other, bad ones apart, with the bytes read up to their end. */
export interface TableBlock<Row> {
  readonly rows: readonly Row[];
  readonly bad: readonly BadRow[];
  readonly bytes: number;
}

/**
 * Reads a CSV file whose first row names its columns, in any order and letter case; columns not asked for are ignored.
 *
 * Columns marked with `?` may be left out, and so may their values. Errors: ImportError, for a file without the others.
 */
export async function* tableBlocks<const Names extends readonly string[]>(source: Source, names: Names): AsyncGenerator<TableBlock<TableRow<ColumnOf<Names>>>> {
  let positions: Map<string, number> | null = null;
  let width = 0;
  for await (const { rows, bytes } of csvBlocks(source.open())) {
    const bad: BadRow[] = [];
    const good: TableRow<ColumnOf<Names>>[] = [];
    for (const row of rows) {
      if (!positions) {
        positions = positionsOf(source, row, names);
        width = row.cells?.length ?? 0;
        continue;
      }
      const values = row.cells?.length === width ? valuesOf(row.cells, positions) : null;
      const mistake = mistakeOf(row, values, width, names);
      if (mistake) bad.push({ file: source.name, line: row.line, ...mistake });
      else good.push({ line: row.line, values: values as Record<ColumnOf<Names>, string> });
    }
    yield { rows: good, bad, bytes };
  }
  if (!positions) throw new ImportError('IMPORT_HEADER', `${source.name} is empty. Its first row must name its columns: ${required(names).join(', ')}.`);
}

type ColumnOf<Names extends readonly string[]> = Names[number] extends infer Name ? (Name extends `${infer Optional}?` ? Optional : Name & string) : never;

function required(names: readonly string[]): string[] {
  return names.filter(name => !name.endsWith('?'));
}

function positionsOf(source: Source, row: CsvRow, names: readonly string[]): Map<string, number> {
  if (!row.cells) throw new ImportError('IMPORT_HEADER', `${source.name}:${row.line}: ${row.message} The first row must name the columns: ${required(names).join(', ')}.`);
  const found = row.cells.map(cell => cell.toLowerCase());
  const missing = required(names).filter(name => !found.includes(name));
  if (missing.length > 0) {
    throw new ImportError('IMPORT_HEADER', `${source.name} has no column ${missing.join(' and no column ')}. Its first row must name its columns, but reads ${quote(row.cells.join(','))}.`);
  }
  const wanted = names.map(name => name.replace('?', ''));
  const twice = wanted.find(name => found.indexOf(name) !== found.lastIndexOf(name));
  if (twice) throw new ImportError('IMPORT_HEADER', `${source.name} has the column ${twice} twice. Rename or remove one.`);
  return new Map(wanted.map(name => [name, found.indexOf(name)]));
}

function valuesOf(cells: readonly string[], positions: ReadonlyMap<string, number>): Record<string, string> {
  return Object.fromEntries([...positions].map(([name, position]) => [name, cells[position] ?? '']));
}

function mistakeOf(row: CsvRow, values: Record<string, string> | null, width: number, names: readonly string[]): Pick<BadRow, 'code' | 'message'> | null {
  if (!row.cells) return { code: row.code, message: row.message };
  if (!values) return { code: 'COLUMNS', message: `The row has ${row.cells.length} values; the header names ${width} columns.` };
  const empty = required(names).find(name => values[name] === '');
  return empty ? { code: 'MISSING_VALUE', message: `The value of ${empty} is missing.` } : null;
}
