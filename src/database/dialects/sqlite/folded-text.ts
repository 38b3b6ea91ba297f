/** The name of the SQL function by which SQLite connections call foldedText(). */
export const FOLD = 'rollcall_folded';

/**
 * Matches what a letter of the Latin, Greek or Cyrillic script can carry, with the letter before it taken apart; not
 * the breve that makes и another letter, й.
 */
const ACCENTS = /[\u0300-\u0305\u0307-\u036f]|(?<!и)\u0306/giu;

/**
 * Returns the same text for texts that differ only in case and accents, as MySQL's and MariaDB's collations compare
 * them; SQLite's collations know only the letters of ASCII.
 */
export function foldedText(text: string): string {
  // Most texts are ASCII, and need no more.
  if (/^[\0-\x7f]*$/.test(text)) return text.toUpperCase();
  // To capitals: in small letters, a sigma at the end of a word is not the one within.
  return text.normalize('NFD').replace(ACCENTS, '').normalize('NFC').toUpperCase();
}
