/** What stands for a text that is not shown. */
export const HIDDEN = '… (not shown, as it may hold a password)';

/** Matches a path of a file or folder as people name them. */
const PATH = /^(?:[a-z]:)?[\p{L}\p{M}\d_./\\ ~+-]*$/iu;
/** Matches what says that a password or another secret follows, and an option of a command, which may be one. */
export const SECRET_FOLLOWS =
  /(?:pass\w*|pwd|secret|token|key|credentials?|bearer|basic|auth\w*)["']?\s*[:=\s]|(?:^|\s)-+[a-z]/i;

/** Returns a path as a message quotes it. */
export function shownPath(path: string): string {
  return PATH.test(path) && !SECRET_FOLLOWS.test(path) ? path : HIDDEN;
}
