/** Returns a number, rounded, with its thousands separated: 32,593. `toLocaleString()` would load the data of `Intl`. */
export function grouped(number: number | bigint): string {
  return String(typeof number === 'bigint' ? number : Math.round(number)).replaceAll(/\B(?=(?:\d{3})+$)/g, ',');
}

/** Returns a number of things in words: "1 course", "200 courses". */
export function quantity(number: number, thing: string): string {
  return `${grouped(number)} ${thing}${number === 1 ? '' : 's'}`;
}
