/**
 * Returns a text of a caller for a message: a long one is cut, with the number of characters left out, and without lone
 * surrogates.
 */
export function shortened(text: string, most = 100): string {
  if (text.length <= most) return text.toWellFormed();
  const end = /[\ud800-\udbff]/.test(text[most - 1]!) ? most - 1 : most;
  return `${text.slice(0, end).toWellFormed()}… (${text.length - end} more)`;
}
