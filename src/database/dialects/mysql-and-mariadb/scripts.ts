import { hexadecimalWords, type CountInSql } from '../../../migrations/count-sql.js';
import type { ScriptRules } from '../dialect.js';

/** The SQL scripts for mysql and mariadb. */
export const serverScripts: ScriptRules = {
  files: {
    verify: 'verify_enrollment_counts.sql',
    update: 'update_total_enrollments.sql',
    procedure: 'procedures.mysql.sql',
  },
  words: hexadecimalWords,
  updating: counts => ({
    variables: counts.map(variableOf).join(', '),
    counted: counts.map(countedSql).join(', '),
    assignments: counts.map(count => `c.${count.column} = ${variableOf(count)}`).join(', '),
  }),
};

/** Returns the name of the variable of an actual count. */
function variableOf({ column }: CountInSql): string {
  return `actual_${column.replace(/_enrollments$/, '')}`;
}

/** Returns the number of the enrollments of one course that a counter counts, when all of them are read. */
function countedSql({ statuses }: CountInSql): string {
  return statuses === null ? 'COUNT(*)' : `COALESCE(SUM(${hexadecimalWords.isOneOf('e.status', statuses)}), 0)`;
}
