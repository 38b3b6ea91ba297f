/**
 * The collation of the texts that people search for and sort by, and by which email addresses are compared: regardless of
 * case and accents, as MySQL's and MariaDB's collations are. It is one of ICU's, which the server must be built with.
 */
export const TEXT_COLLATION = 'rollcall_text';

/** The statement that creates the collation. */
export const createCollation = `create collation if not exists ${TEXT_COLLATION} (provider = icu, locale = 'und-u-ks-level1', deterministic = false)`;
