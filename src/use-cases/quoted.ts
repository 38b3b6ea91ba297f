/**
 * Matches what cannot be seen, or changes how what follows is seen: control characters, separators of lines, marks of
 * direction, broken surrogates.
 */
const INVISIBLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}\ufeff]/gu;

/** Gives a text with an escape such as \u0000 for each character that could not be seen in a message. */
export function visible(text: string): string {
  return text.replace(INVISIBLE, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/**
 * Gives a text that others sent as a message quotes it: whole if short, else its first 100 characters or so and how
 * many are left out; each to be seen.
 */
export function quoted(text: string, most = 100): string {
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
