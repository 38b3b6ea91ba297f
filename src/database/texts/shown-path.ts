/** The replacement for a text that is not shown. */
export const HIDDEN = '… (not shown, because it may contain a password)';

/** A pattern for the path of a file or folder in the characters that people usually use. */
const PATH = /^(?:[a-z]:)?[\p{L}\p{M}\d_./\\ ~+-]*$/iu;
/**
 * A pattern for words after which a password or another secret follows, and for options of a command, which may have
 * one.
 */
export const SECRET_FOLLOWS =
  /(?:pass\w*|pwd|secret|token|key|credentials?|bearer|basic|auth\w*)["']?\s*[:=\s]|(?:^|\s)-+[a-z]/i;

/** Returns a path as a message quotes it. */
export function shownPath(path: string): string {
  return PATH.test(path) && !SECRET_FOLLOWS.test(path) ? path : HIDDEN;
}
