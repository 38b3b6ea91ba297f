import { sql, type Expression } from 'kysely';

/** A collation in which each letter has its capital, whatever the database's own is, and texts can be like a pattern. */
const LETTERS = sql.raw('"und-x-icu"');

/**
 * A pattern for the marks on a letter of the Latin, Greek or Cyrillic script, after the letter was decomposed; it does
 * not match the breve that makes й of и, because that is another letter.
 */
const ACCENTS = sql.raw(String.raw`'[\u0300-\u0305\u0307-\u036F]|(?<![иИ])\u0306'`);

/**
 * Returns an expression with the same text for texts that differ only in case and accents. The collation of the columns
 * knows that too, but a text can be like a pattern only by a collation that takes different characters for different.
 */
export function folded(text: Expression<string> | string): Expression<string> {
  const given = sql`(${text})::text collate ${LETTERS}`;
  // Most texts are ASCII, and need nothing else.
  return sql`upper(case when octet_length(${text}) = length(${text}) then ${given} else normalize(regexp_replace(normalize(${given}, NFD), ${ACCENTS}, '', 'g'), NFC) end)`;
}
