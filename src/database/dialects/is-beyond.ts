import { sql, type Expression, type SqlBool } from 'kysely';
import type { Compared } from './dialect.js';

/** Returns the condition that a row is beyond a place, as one beyond the value of a column, or one beyond the key there. */
export function isBeyondEither(column: Compared, key: Compared, operator: '<' | '>'): Expression<SqlBool> {
  const than = sql.raw(operator);
  return sql<SqlBool>`(${column.column} ${than} ${column.value} or (${column.column} = ${column.value} and ${key.column} ${than} ${key.value}))`;
}
