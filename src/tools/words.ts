/** Returns a number with its thousands separated: 32,593. */
export function grouped(number: number): string {
  return Math.round(number).toLocaleString('en-US');
}

/** Returns a number of things in words: "1 course", "200 courses". */
export function quantity(number: number, thing: string): string {
  return `${grouped(number)} ${thing}${number === 1 ? '' : 's'}`;
}
