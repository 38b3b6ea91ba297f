import { isOne, quotedValue, type CountWords } from '../count-sql.js';

/** The words of PostgreSQL for what SQL has to say of counts. */
export const postgreSqlCountWords: CountWords = {
  unlike: stored => `${stored} IS DISTINCT FROM`,
  isOneOf: (text, values) => isOne(`${text}::text COLLATE "C"`, values.map(quotedValue)),
};
