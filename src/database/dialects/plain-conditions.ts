import { sql, type Expression, type SelectQueryBuilder, type SqlBool } from 'kysely';
import type { Tables } from '../tables.js';
import type { Compared } from './dialect.js';

/** Returns the condition that a row is beyond a place, as one beyond the value of a column, or one beyond the key there. */
export function isBeyondEither(column: Compared, key: Compared, operator: '<' | '>'): Expression<SqlBool> {
  const than = sql.raw(operator);
  return sql<SqlBool>`(${column.column} ${than} ${column.value} or (${column.column} = ${column.value} and ${key.column} ${than} ${key.value}))`;
}

/** Returns a query of the rows that have a value in a column. */
export function withEqual<Table extends keyof Tables>(
  query: SelectQueryBuilder<Tables, Table, object>,
  { column, value }: Compared,
): SelectQueryBuilder<Tables, Table, object> {
  return query.where(sql<SqlBool>`${column} = ${value}`);
}
