import { actualSql, hexadecimalWords, indented, spaceBefore } from '../../../migrations/count-sql.js';
import type { ScriptRules } from '../dialect.js';

/** The SQL scripts for sqlite3. */
export const sqliteScripts: ScriptRules = {
  files: {
    verify: 'verify_enrollment_counts.sql',
    update: 'update_total_enrollments.sqlite.sql',
    procedure: null,
  },
  words: hexadecimalWords,
  updating: counts => ({
    assignments: counts
      .map(count => `${count.column} =${spaceBefore(count)}${indented(actualSql(hexadecimalWords, count))}`)
      .join(',\n'),
  }),
};
