/**
 * The parts of SQL that people read and run without Rollcall which name each stored count: scripts, the procedure or
 * function, and the migration that fills a new count.
 */

/** A stored count of courses, as SQL has it. */
export interface CountInSql {
  /** The column of `core_course` that stores it. */
  readonly column: string;
  /** The statuses of the enrollments that it counts; null: all enrollments. */
  readonly statuses: readonly string[] | null;
}

/** The words of a database for what its SQL has to say of counts. */
export interface CountWords {
  /** Returns the beginning of the test that a stored count, which may be NULL, differs from the number after it. */
  readonly unlike: (stored: string) => string;
  /** Returns the test that a text is one of some values, byte for byte: no collation decides. */
  readonly isOneOf: (text: string, values: readonly string[]) => string;
}

/** The words of databases that have HEX(), and whose stored counts are never below 0. */
export const hexadecimalWords: CountWords = {
  unlike: stored => `COALESCE(${stored}, -1) <>`,
  isOneOf: (text, values) =>
    isOne(
      `HEX(${text})`,
      values.map(value => `HEX(${quotedValue(value)})`),
    ),
};

/** Returns the test that a text is one of some values, which are SQL already. */
export function isOne(text: string, values: readonly string[]): string {
  return values.length === 1 ? `${text} = ${values[0]}` : `${text} IN (${values.join(', ')})`;
}

/** Returns a value as SQL has it. */
export function quotedValue(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

/** Returns the query of the actual count of the course `c`. */
export function actualSql(words: CountWords, { statuses }: CountInSql): string {
  const condition = statuses === null ? '' : ` AND ${words.isOneOf('e.status', statuses)}`;
  return `(SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id${condition})`;
}

/** Returns the test that a stored count of the course `c` differs from the actual one. */
export function driftSql(words: CountWords, count: CountInSql): string {
  return `${words.unlike(`c.${count.column}`)}${spaceBefore(count)}${actualSql(words, count)}`;
}

/** Returns the white space before the query of an actual count: one with a condition is long, and has a line of its own. */
export function spaceBefore({ statuses }: CountInSql): string {
  return statuses === null ? ' ' : '\n  ';
}

/** Returns the sum of the numbers of courses in which each stored count differs. */
export function mismatchesSql(words: CountWords, counts: readonly CountInSql[]): string {
  return counts
    .map(count => `(\n  SELECT COUNT(*) FROM core_course c\n  WHERE ${indented(driftSql(words, count))}\n)`)
    .join(' + ');
}

/** Returns a text with its lines after the first further to the right. */
export function indented(text: string, by = '  '): string {
  return text.replaceAll('\n', `\n${by}`);
}
