import { quotedCell } from './bad-row.js';
import { ImportError } from './import-error.js';
import type { Source } from './source.js';

/** What the columns of a file are called, beside the names that are asked for. */
export interface ColumnNames {
  /** The other columns that a file may have: all, or only these. */
  readonly ignored: 'all' | readonly string[];
  /** Other names of the columns that are asked for, by these. */
  readonly aliases?: Readonly<Record<string, readonly string[]>>;
  /** The names that the file's user gave for columns that are asked for; no other name then means the same. */
  readonly map?: ReadonlyMap<string, string>;
  /** Groups of columns of which a file must have one, and a row a value; in the names they are optional. */
  readonly either?: readonly (readonly string[])[];
}

/** Returns the names of the columns that a file must have. */
export function requiredOf(names: readonly string[]): string[] {
  return names.filter(name => !name.endsWith('?'));
}

/** Returns a name of a column without what differs between programs: `Course ID`, `course_id` and `courseId` are equal. */
function plainName(name: string): string {
  return name.toLowerCase().replaceAll(/[\s_.-]/g, '');
}

/** Returns the names of a header that are among some, however they are written; `metadata.*` means all that begin so. */
export function namesAmong(header: readonly string[], names: readonly string[]): string[] {
  const known = new Set(names.map(plainName));
  const beginnings = [...known].filter(name => name.endsWith('*')).map(name => name.slice(0, -1));
  return header.filter(name => {
    const plain = plainName(name);
    return known.has(plain) || beginnings.some(beginning => plain.startsWith(beginning));
  });
}

/**
 * Returns where the columns that are asked for stand in a file; -1: it has no such column. Errors: ImportError, if a
 * column is missing, is there twice, or is not understood.
 */
export function placesOfColumns(
  source: Source,
  header: readonly string[],
  names: readonly string[],
  { ignored, aliases = {}, map = new Map(), either = [] }: ColumnNames,
): Map<string, number> {
  const wanted = names.map(name => name.replace('?', ''));
  const leftOut = new Set(ignored === 'all' ? [] : ignored.map(plainName));
  const meanings = new Map<string, string>();
  for (const name of wanted) {
    const given = map.get(name);
    const all = given === undefined ? [name, ...(aliases[name] ?? [])] : [given];
    for (const one of all) if (!meanings.has(plainName(one)) || given !== undefined) meanings.set(plainName(one), name);
  }
  const meant = header.map(cell => {
    const plain = plainName(cell);
    return plain === '' || leftOut.has(plain) ? undefined : meanings.get(plain);
  });
  const missing = names.filter(
    name => !meant.includes(name.replace('?', '')) && (!name.endsWith('?') || map.has(name.slice(0, -1))),
  );
  const lacking = [
    ...missing.map(name => name.replace('?', '')).map(name => ({ name, called: map.get(name) ?? name })),
    ...either
      .filter(group => !group.some(name => meant.includes(name)))
      .map(group => ({
        name: group[0]!,
        called: group.map(name => map.get(name) ?? aliases[name]?.[0] ?? name).join(' or '),
      })),
  ];
  if (lacking.length > 0)
    throw new ImportError(
      'IMPORT_HEADER',
      `${source.name} has no column ${lacking.map(({ called }) => called).join(' and no column ')}. Its first row must name its columns, but reads ${quotedCell(header.join(','))}. If a column has another name, say so, such as by --map ${lacking[0]!.name}=NAME; if the first row is one of values, name its columns by --columns.`,
    );
  const unknown = header.filter(
    (cell, index) => ignored !== 'all' && meant[index] === undefined && cell !== '' && !leftOut.has(plainName(cell)),
  );
  if (unknown.length > 0) {
    throw new ImportError(
      'IMPORT_HEADER',
      `${source.name} has columns that are not understood: ${unknown.map(quotedCell).join(', ')}. They may change what a row means. Known are ${wanted.join(', ')}. To import the file without them, add ${unknown.map(name => `--ignore-column ${quotedCell(name)}`).join(' ')}.`,
    );
  }
  for (const name of wanted) requireOne(source, name, header, meant);
  return new Map(wanted.map(name => [name, meant.indexOf(name)]));
}

function requireOne(
  source: Source,
  name: string,
  header: readonly string[],
  meant: readonly (string | undefined)[],
): void {
  const found = header.filter((_, index) => meant[index] === name);
  if (found.length < 2) return;
  const [first, second] = found;
  throw new ImportError(
    'IMPORT_HEADER',
    plainName(first!) === plainName(second!)
      ? `${source.name} has the column ${name} twice. Rename or remove one.`
      : `${source.name} has several columns that mean ${name}: ${found.map(quotedCell).join(', ')}. Ignore all but one, such as by --ignore-column ${quotedCell(second!)}.`,
  );
}
