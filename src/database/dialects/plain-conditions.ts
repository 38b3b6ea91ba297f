import { sql, type Expression, type SelectQueryBuilder, type SqlBool } from 'kysely';
import type { Tables } from '../tables.js';
import type { Compared } from './dialect.js';

/** Returns the condition that a row is beyond a place, as one beyond the value of a column, or one beyond the key there. */
export function isBeyondEither(column: Compared, key: Compared, operator: '<' | '>'): Expression<SqlBool> {
  const than = sql.raw(operator);
  return sql<SqlBool>`(${column.column} ${than} ${column.value} or (${column.column} = ${column.value} and ${key.column} ${than} ${key.value}))`;
}

/** Returns a query of the rows that have values in some columns. */
export function withEqual<Table extends keyof Tables>(
  query: SelectQueryBuilder<Tables, Table, object>,
  only: readonly Compared[],
): SelectQueryBuilder<Tables, Table, object> {
  return only.reduce((all, { column, value }) => all.where(sql<SqlBool>`${column} = ${value}`), query);
}
