import { sql, type RawBuilder } from 'kysely';

/** The hint to read a table by an index; MariaDB refuses a statement whose hint names a missing one. */
const HINT = /\bforce index \(`[^`]*`\)/g;

/** Returns the hint to read a table by an index. */
export function forcedIndex(index: string): RawBuilder<unknown> {
  return sql`force index (${sql.id(index)})`;
}

/** Returns a statement without its hints. */
export function withoutForcedIndexes(statement: string): string {
  return statement.replaceAll(HINT, '');
}
