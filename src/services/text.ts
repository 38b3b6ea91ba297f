import { problem, UserErrorCode, type Problem } from './outcome.js';

/** Matches the control characters that no line of text has; a tab or a line break in a title is a mistake too. */
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/u;

/** Gives the problem of a one-line text: empty, longer than `most` characters, or with control characters; else null. */
export function textProblem(field: string, value: string, most: number): Problem | null {
  const say = (message: string): Problem => problem(UserErrorCode.INVALID, ['input', field], message);
  if (value.trim() === '') return say(`The ${field} is empty.`);
  const length = [...value].length;
  if (length > most) return say(`The ${field} has ${length} characters; at most ${most} fit.`);
  return CONTROL.test(value) || !value.isWellFormed() ? say(`The ${field} has control characters or broken surrogates in it; take them out.`) : null;
}
