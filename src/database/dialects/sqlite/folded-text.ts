/** The name of the SQL function by which SQLite connections call foldedText(). */
export const FOLD = 'rollcall_folded';

/**
 * A pattern for the marks on a letter of the Latin, Greek or Cyrillic script, after the letter was decomposed; it does
 * not match the breve that makes й of и, because that is another letter.
 */
const ACCENTS = /[\u0300-\u0305\u0307-\u036f]|(?<!и)\u0306/giu;

/**
 * Returns the same text for texts that differ only in case and accents, as MySQL's and MariaDB's collations compare
 * them; SQLite's collations know only the letters of ASCII.
 */
export function foldedText(text: string): string {
  // Most texts are ASCII, and need nothing else.
  if (/^[\0-\x7f]*$/.test(text)) return text.toUpperCase();
  // In capitals, because a small sigma differs at the end of a word.
  return text.normalize('NFD').replace(ACCENTS, '').normalize('NFC').toUpperCase();
}
