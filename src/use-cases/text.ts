import { problem, UserErrorCode, type Problem } from './outcome.js';
import { quotedText } from './quoted-text.js';

/** The control characters that a line of text may not have; a tab or a line break in a title is a mistake too. */
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/u;

/** The control characters that a text of several lines may not have: all but tabs and line breaks. */
// eslint-disable-next-line no-control-regex
const CONTROL_IN_LINES = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/u;

/**
 * Returns the number of characters of a text; for one that is a hundred times too long, its UTF-16 units, because
 * counting characters would take long.
 */
export function lengthOf(text: string, most: number): number {
  return text.length > 100 * most ? text.length : [...text].length;
}

/**
 * Returns the problem of a one-line text: empty, longer than `most` characters, or with control characters; null: none.
 */
export function textProblem(field: string, value: string, most: number): Problem | null {
  const say = (message: string): Problem => problem(UserErrorCode.INVALID, ['input', field], message);
  if (value.trim() === '') return say(`The ${field} ${quotedText(value)} is empty; give one with visible characters.`);
  const length = lengthOf(value, most);
  if (length > most) return say(`The ${field} ${quotedText(value)} has ${length} characters; at most ${most} fit.`);
  return CONTROL.test(value) || !value.isWellFormed() ? say(unsound(field, value)) : null;
}

/**
 * Returns the problem of a text of several lines: more than `most` bytes in UTF-8, or with control characters; null:
 * none.
 */
export function linesProblem(field: string, value: string, most: number): Problem | null {
  const say = (message: string): Problem => problem(UserErrorCode.INVALID, ['input', field], message);
  const bytes = Buffer.byteLength(value);
  if (bytes > most) return say(`The ${field} ${quotedText(value)} has ${bytes} bytes; at most ${most} fit.`);
  return CONTROL_IN_LINES.test(value) || !value.isWellFormed() ? say(unsound(field, value)) : null;
}

function unsound(field: string, value: string): string {
  return `The ${field} ${quotedText(value)} contains control characters or broken surrogates; remove them.`;
}
