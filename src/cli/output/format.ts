/** Returns a number with its thousands separated: 32,593. */
export function grouped(number: number): string {
  return Math.round(number).toLocaleString('en-US');
}

/** Returns a number of things in words: "1 course", "200 courses". */
export function quantity(number: number, thing: string): string {
  return `${grouped(number)} ${thing}${number === 1 ? '' : 's'}`;
}

/** Returns a span of time as people write it: "3 s", "2 min 10 s", "1 h 5 min". */
export function duration(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}
