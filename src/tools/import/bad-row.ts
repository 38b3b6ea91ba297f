/** The reasons why a row is not imported. */
type BadRowCode =
  | 'TOO_LONG'
  | 'ENCODING'
  | 'LINE_BREAK'
  | 'QUOTING'
  | 'JSON'
  | 'COLUMNS'
  | 'MISSING_VALUE'
  | 'BAD_STATUS'
  | 'BAD_ROLE'
  | 'BAD_OPERATION'
  | 'BAD_DATE'
  | 'ENDED'
  | 'BAD_ID'
  | 'DUPLICATE'
  | 'UNKNOWN_COURSE'
  | 'AMBIGUOUS_COURSE'
  | 'UNKNOWN_STUDENT'
  | 'AMBIGUOUS_STUDENT'
  | 'UNKNOWN_INSTRUCTOR'
  | 'AMBIGUOUS_INSTRUCTOR'
  | 'BAD_INSTRUCTOR'
  | 'BAD_VALUE'
  | 'DIFFERENT'
  | 'NOT_REGISTERED'
  | 'NO_RESULT'
  | 'COURSE_FULL';

/** A row of a file that is not imported, and why. */
export interface BadRow {
  readonly file: string;
  /** The line on which the row begins, from 1. */
  readonly line: number;
  readonly code: BadRowCode;
  readonly message: string;
}

/** Returns a value for a message: quoted, and cut off if it is long. */
export function quotedCell(value: string): string {
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
}

/** Parts the rows that could be read from those that could not. */
export function partedRows<Row extends object>(read: readonly (Row | BadRow)[]): { rows: Row[]; bad: BadRow[] } {
  const rows: Row[] = [];
  const bad: BadRow[] = [];
  for (const row of read) {
    if ('code' in row) bad.push(row);
    else rows.push(row);
  }
  return { rows, bad };
}
