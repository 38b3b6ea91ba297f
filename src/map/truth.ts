/** The texts by which files and databases say true or false, in lower case. */
const truths = new Map([
  ...['true', 'yes', 't', '1'].map(text => [text, true] as const),
  ...['false', 'no', 'f', '0'].map(text => [text, false] as const),
]);

/** Returns whether a text says true; undefined: it says neither true nor false. */
export function truthInText(text: string): boolean | undefined {
  return truths.get(text.toLowerCase());
}
