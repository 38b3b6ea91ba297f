import { lineFaults, type RowsRead, type TextRow } from './csv-rows.js';
import type { Line } from './lines.js';

/**
 * Returns what reads JSON Lines (https://jsonlines.org) as rows: an object a line, with texts, numbers, booleans and
 * null, which is an empty value. The names of the first object become the first row; the others must have the same, in
 * any order.
 */
export function jsonRowsOf(): (lines: readonly Line[]) => RowsRead {
  let names: readonly string[] | null = null;
  return lines => {
    const rows: TextRow[] = [];
    for (const line of lines) {
      if (line.text === null) rows.push({ line: line.number, code: line.fault, message: lineFaults[line.fault] });
      else if (line.text.trim() !== '') {
        const values = valuesIn(line.text);
        if (values && !names) {
          names = [...values.keys()];
          rows.push({ line: line.number, cells: names });
        }
        rows.push({ line: line.number, ...cellsOf(values, names) });
      }
    }
    return { rows, rest: [] };
  };
}

function cellsOf(
  values: ReadonlyMap<string, string> | null,
  names: readonly string[] | null,
): { cells: string[] } | { code: 'JSON'; message: string } {
  if (!values)
    return {
      code: 'JSON',
      message: 'The line is not a JSON object whose values are texts, numbers, true, false or null.',
    };
  if (names?.length !== values.size || names.some(name => !values.has(name)))
    return {
      code: 'JSON',
      message: `The object has other names than the first one: ${[...values.keys()].map(name => JSON.stringify(name)).join(', ')}.`,
    };
  return { cells: names.map(name => values.get(name)!) };
}

function valuesIn(text: string): Map<string, string> | null {
  const object = parsed(text);
  if (typeof object !== 'object' || object === null || Array.isArray(object)) return null;
  const values = new Map<string, string>();
  for (const [name, value] of Object.entries(object)) {
    if (value !== null && typeof value === 'object') return null;
    values.set(name, value === null ? '' : String(value));
  }
  return values;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
