import { SqlitePlatform } from '@mikro-orm/sql';
import type { Platform } from '@mikro-orm/core';
import type { Comparison } from './condition.js';

/**
 * Gives the SQL expression that is 1 for a row that is counted and 0 for another, exactly as `meets` decides in memory.
 *
 * `columnOf` writes a column of the row. Texts are compared byte by byte, whatever collation the column has.
 */
export function countedSql(platform: Platform, comparisons: readonly Comparison[], columnOf: (column: string) => string): string {
  if (comparisons.length === 0) return '1';
  const isSqlite = platform instanceof SqlitePlatform;
  const equals = isSqlite ? 'is' : '<=>';
  const all = comparisons.map(comparison => {
    const { kind, accepted } = comparison;
    const column = columnOf(comparison.column);
    const side = { enum: textual(isSqlite, column), boolean: `(${column} <> 0)`, number: column }[kind];
    return `(${accepted.map(value => `${side} ${equals} ${literal(isSqlite, kind, value)}`).join(' or ')})`;
  });
  return `(case when ${all.join(' and ')} then 1 else 0 end)`;
}

function textual(isSqlite: boolean, sql: string): string {
  return isSqlite ? `cast(${sql} as blob)` : `cast(convert(${sql} using utf8mb4) as binary)`;
}

function literal(isSqlite: boolean, kind: Comparison['kind'], value: unknown): string {
  if (value === null) return 'null';
  return kind === 'enum' ? textual(isSqlite, `'${String(value).replaceAll('\\', isSqlite ? '\\' : '\\\\').replaceAll("'", "''")}'`) : String(Number(value));
}
