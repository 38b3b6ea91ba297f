import type { EntityMetadata, EntityProperty } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Comparison } from './condition.js';
import type { ConditionValue } from './define-counter.js';
import { isSqlite, quoted } from './sql-names.js';

/**
 * Gives the SQL condition that holds for exactly those rows that `meets()` takes: what the hooks count and what verify
 * counts must not differ in any row, however its values came to be.
 *
 * So no collation decides: "Active" is not "active", nor is "active ". The values are the declaration's own and are
 * written into the SQL as numbers, or as bytes. `row` goes before each column: `new.` in a trigger.
 */
export function conditionSql(
  em: SqlEntityManager,
  counted: EntityMetadata,
  comparisons: readonly Comparison[],
  row = '',
): string {
  return comparisons.length === 0
    ? '1 = 1'
    : comparisons.map(comparison => comparisonSql(em, counted, comparison, row)).join(' and ');
}

function comparisonSql(
  em: SqlEntityManager,
  counted: EntityMetadata,
  { property, column, kind, accepted }: Comparison,
  row: string,
): string {
  const name = `${row}${quoted(em, column)}`;
  const values = accepted.filter(value => value !== null);
  const ways = isSqlite(em) ? onSqlite : onServers;
  const cases = accepted.includes(null) ? [`${name} is null`] : [];
  if (kind === 'boolean') cases.push(...values.map(value => (value ? ways.isTrue(name) : ways.isFalse(name))));
  else if (kind === 'enum') cases.push(...values.map(value => ways.isText(name, String(value))));
  else if (values.length > 0) {
    const type = (counted.properties[property as never] as EntityProperty).columnTypes[0] ?? '';
    cases.push(`${ways.number(name, type)} in (${values.map(numberSql).join(', ')})`);
  }
  // A condition that accepts nothing counts nothing.
  return cases.length === 0 ? '1 = 0' : `(${cases.join(' or ')})`;
}

/** Writes conditions as each database needs them; none of them is ever unknown where the column is not null. */
interface Ways {
  isTrue(name: string): string;
  isFalse(name: string): string;
  isText(name: string, text: string): string;
  number(name: string, type: string): string;
}

const onServers: Ways = {
  isTrue: name => `${name} <> 0`,
  isFalse: name => `${name} = 0`,
  isText: (name, text) => `cast(convert(${name} using utf8mb4) as binary) = x'${Buffer.from(text).toString('hex')}'`,
  // As JavaScript has them: doubles, and a FLOAT as the server prints it.
  number: (name, type) => (type.startsWith('float') ? `(concat(${name}) + 0e0)` : `(${name} + 0e0)`),
};

const onSqlite: Ways = {
  // A column takes any text there; one that is no number is no true value.
  isTrue: name => `(typeof(${name}) in ('integer', 'real') and ${name} <> 0)`,
  isFalse: name => `(typeof(${name}) = 'text' or (typeof(${name}) in ('integer', 'real') and ${name} = 0))`,
  isText: (name, text) => `cast(${name} as text) = '${text.replaceAll("'", "''")}' collate binary`,
  number: name => name,
};

function numberSql(value: ConditionValue): string {
  return Number.isFinite(value) ? String(value) : 'null';
}
