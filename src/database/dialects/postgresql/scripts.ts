import type { CountInSql } from '../../../migrations/count-sql.js';
import { postgreSqlCountWords } from '../../../migrations/postgresql/count-words.js';
import type { ScriptRules } from '../dialect.js';

/** The SQL scripts for psql. */
export const postgreSqlScripts: ScriptRules = {
  files: {
    verify: 'verify_enrollment_counts.postgresql.sql',
    update: 'update_total_enrollments.postgresql.sql',
    procedure: 'functions.postgresql.sql',
  },
  words: postgreSqlCountWords,
  updating: counts => ({
    counted: counts.map(count => `${countedSql(count)} AS ${nameOf(count)}`).join(', '),
    assignments: counts.map(count => `${count.column} = actual.${nameOf(count)}`).join(', '),
  }),
};

/** Returns the name of an actual count. */
function nameOf({ column }: CountInSql): string {
  return column.replace(/_enrollments$/, '');
}

/** Returns the number of the enrollments of one course that a counter counts, when all of them are read. */
function countedSql({ statuses }: CountInSql): string {
  return statuses === null
    ? 'COUNT(*)'
    : `COUNT(*) FILTER (WHERE ${postgreSqlCountWords.isOneOf('e.status', statuses)})`;
}
