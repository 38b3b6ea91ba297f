/**
 * The characters that are invisible or change how others are shown: control characters, line separators, direction
 * marks, lone surrogates.
 */
const INVISIBLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}\ufeff]/gu;

/** Returns a text with an escape such as \u0000 for each invisible character. */
export function visible(text: string): string {
  return text.replace(INVISIBLE, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/**
 * Returns a text of a caller as a message quotes it: all of a short one, otherwise about the first 100 characters and
 * how many are left out, with invisible characters escaped.
 */
export function quotedText(text: string, most = 100): string {
  let shown = '';
  let rest = text.length;
  for (const character of text) {
    const part = visible(character).replace(/^["\\]$/, '\\$&');
    if (shown.length + part.length > most) return `"${shown}… (${rest} more)"`;
    shown += part;
    rest -= character.length;
  }
  return `"${shown}"`;
}
