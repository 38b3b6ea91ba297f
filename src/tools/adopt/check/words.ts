/** The most rows that a finding names; the others are counted. */
export const MAX_NAMED_ROWS = 5;

/** Returns a number for people, with commas between thousands. */
export function grouped(number: number): string {
  return number.toLocaleString('en-US');
}

/** Returns a number with its noun: `1 row`, `2 rows`. */
export function counted(number: number, one: string, many = `${one}s`): string {
  return `${grouped(number)} ${number === 1 ? one : many}`;
}
