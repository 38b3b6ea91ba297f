/** Control characters, line breaks of any kind, marks that change the direction of a line, and broken surrogates. */
const UNPRINTABLE =
  // oxlint-disable-next-line no-control-regex -- it looks for them
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Cs}/gu;

/** What joins emoji into one, whose width depends on the terminal: apart, each takes two columns. */
const EMOJI_JOINER = /\u200d(?=\p{Extended_Pictographic})/gu;

/** A letter with so many accents that it grows into the lines above and below. */
const TOWER = /\P{M}?\p{M}{10,}/gu;

/** Text whose characters are all printable and one column wide: most of it, and quick to recognize. */
const PLAIN = /^[ -~]*$/;

/** Returns whether all characters of a text are printable and one column wide. */
export function isPlain(text: string): boolean {
  return PLAIN.test(text);
}

/** Returns a text with a � in place of each character that would break a line, and of each that is too tall for one. */
export function printable(text: string): string {
  if (isPlain(text)) return text;
  return text.replaceAll(EMOJI_JOINER, '').replaceAll(UNPRINTABLE, '\ufffd').replaceAll(TOWER, '\ufffd');
}
