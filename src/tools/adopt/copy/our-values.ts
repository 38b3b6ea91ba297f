import { exactNumber } from 'mikro-orm-counters';
import { dateOf } from '../../../database/tables.js';
import { MAX_CAPACITY } from '../../../entities/index.js';
import { quotedCell } from '../../import/bad-row.js';
import {
  columnsIn,
  type ChoiceSource,
  type MomentSource,
  type TruthSource,
  type ValueSource,
} from '../../../map/map-form.js';
import { choiceIn, textOf, truthIn, valueIn, type TheirRow } from '../../../map/sources.js';

/** The reasons why a row of another application's database is not copied. */
export type RejectionCode =
  | 'BAD_ID'
  | 'BAD_DATE'
  | 'BAD_NUMBER'
  | 'BAD_TEXT'
  | 'MISSING_VALUE'
  | 'TOO_LONG'
  | 'UNKNOWN_VALUE'
  | 'EMAIL_TAKEN'
  | 'DUPLICATE'
  | 'UNKNOWN_COURSE'
  | 'UNKNOWN_STUDENT'
  | 'OTHER_ROW';

/** The error that a row has a value that cannot be copied. */
export class RejectedValue extends Error {
  override readonly name = 'RejectedValue';

  constructor(
    readonly code: RejectionCode,
    message: string,
  ) {
    super(message);
  }
}

/** Returns the whole number from 1 that a column has in a row as a key; null if it is empty. Errors: RejectedValue. */
export function numberKeyIn(column: string, row: TheirRow): number | null {
  const text = textOf(row[column]);
  if (text === null) return null;
  if (/^\d{1,19}$/.test(text) && BigInt(text) >= 1n && BigInt(text) <= BigInt(Number.MAX_SAFE_INTEGER))
    return exactNumber(text, column);
  throw new RejectedValue(
    'BAD_ID',
    `${column} is ${quotedCell(text)}, not a whole number from 1 to ${Number.MAX_SAFE_INTEGER}.`,
  );
}

/** Returns a text of at most some characters. Errors: RejectedValue. */
export function textIn(field: string, source: ValueSource, row: TheirRow, most: number): string {
  const text = optionalTextIn(field, source, row);
  if (text === null) throw new RejectedValue('MISSING_VALUE', `The ${field} (${placeOf(source)}) is empty.`);
  const length = [...text].length;
  if (length > most)
    throw new RejectedValue(
      'TOO_LONG',
      `The ${field} ${quotedCell(text)} has ${length} characters; at most ${most} fit.`,
    );
  return text;
}

/** Returns a text; null if it is blank. Errors: RejectedValue. */
export function optionalTextIn(field: string, source: ValueSource | undefined, row: TheirRow): string | null {
  const value = source === undefined ? null : valueIn(source, row);
  if (value === null) return null;
  const text = typeof value === 'string' ? value : textOf(value)!;
  if (text.includes('\0') || !text.isWellFormed())
    throw new RejectedValue('BAD_TEXT', `The ${field} ${quotedCell(text)} has a NUL or half a character in it.`);
  return text;
}

/** Returns one of our values. Errors: RejectedValue. */
export function choiceOf<Value>(
  field: string,
  source: ChoiceSource,
  row: TheirRow,
  ours: Readonly<Record<string, Value>>,
): Value {
  const chosen = choiceIn(source, row);
  if ('name' in chosen) return ours[chosen.name]!;
  throw unknownValue(field, chosen);
}

/** Returns true or false. Errors: RejectedValue. */
export function truthOf(field: string, source: TruthSource, row: TheirRow): boolean {
  const truth = truthIn(source, row);
  if (typeof truth === 'boolean') return truth;
  throw unknownValue(field, truth);
}

/** Returns the number of seats; null if there is no limit. Errors: RejectedValue. */
export function capacityIn(source: ValueSource | undefined, row: TheirRow): number | null {
  const text = source === undefined ? null : textOf(valueIn(source, row));
  if (text === null) return null;
  // A DECIMAL of theirs shows its places.
  if (/^\d{1,10}(?:\.0+)?$/.test(text) && Number(text) <= MAX_CAPACITY) return Number(text);
  throw new RejectedValue(
    'BAD_NUMBER',
    `The capacity is ${quotedCell(text)}, not a whole number from 0 to ${MAX_CAPACITY}.`,
  );
}

/** Returns a moment; the moment of the copy if the map names no column, or the row has none. Errors: RejectedValue. */
export function momentOf(field: string, source: MomentSource | undefined, row: TheirRow, now: Date): Date {
  if (source === undefined) return now;
  const column = typeof source === 'string' ? source : source.column;
  const value = row[column];
  const text = textOf(value);
  if (text === null) return now;
  const date =
    typeof source === 'string'
      ? dateFrom(value, text)
      : new Date(Number(text) * (source.unit === 'seconds' ? 1000 : 1));
  const year = date.getUTCFullYear();
  // What MySQL's DATETIME holds; a date that does not exist has no year.
  if (year >= 1000 && year <= 9999) return date;
  throw new RejectedValue(
    'BAD_DATE',
    `The ${field} (${column}) is ${quotedCell(text)}, which is no moment from the year 1000 to 9999.`,
  );
}

/** A date, or a date and a time, with or without an offset. */
const DATE_OR_MOMENT = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)\s?(Z|[+-]\d\d(?::?\d\d)?)?)?$/;

function dateFrom(value: unknown, text: string): Date {
  if (value instanceof Date) return value;
  if (typeof value === 'number') return dateOf(value);
  const [, day, time = '00:00', offset = 'Z'] = DATE_OR_MOMENT.exec(text) ?? [];
  if (day === undefined) return new Date(NaN);
  const midnight = new Date(`${day}T00:00Z`);
  // JavaScript would read 31 February as 3 March.
  if (Number.isNaN(midnight.valueOf()) || !midnight.toISOString().startsWith(day)) return new Date(NaN);
  return new Date(`${day}T${time}${/^[+-]\d\d$/.test(offset) ? `${offset}:00` : offset}`);
}

function unknownValue(
  field: string,
  { unknown, column }: { readonly unknown: unknown; readonly column: string },
): RejectedValue {
  return new RejectedValue(
    'UNKNOWN_VALUE',
    `The ${field} (${column}) is ${quotedCell(textOf(unknown) ?? '')}, which the map does not name.`,
  );
}

function placeOf(source: ValueSource): string {
  return columnsIn(source).join(', ') || 'no column';
}
