import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Key } from './key.js';
import { keyIn, quoted, type Fragment } from './sql-names.js';

/** Names rows of one table by key: those after one key up to another, in the database's own order, or those listed. */
export type KeyRange = { readonly after: Key | null; readonly upTo: Key } | { readonly keys: readonly Key[] };

/** Gives the condition that key columns, a table's own or those of a foreign key to it, lie in a range. */
export function inRange(em: SqlEntityManager, columns: readonly string[], range: KeyRange, alias = ''): Fragment {
  if ('keys' in range) return keyIn(em, columns, range.keys, alias);
  const upTo = beside(em, columns, '<', range.upTo, true, alias);
  if (range.after === null) return upTo;
  const after = beside(em, columns, '>', range.after, false, alias);
  return { sql: `${after.sql} and ${upTo.sql}`, parameters: [...after.parameters, ...upTo.parameters] };
}

/**
 * Compares key columns with a key, part by part.
 *
 * Not as rows, `(a, b) > (?, ?)`: MySQL finds no index range in that. For the same reason the first column is compared
 * once more by itself.
 */
function beside(
  em: SqlEntityManager,
  columns: readonly string[],
  operator: '<' | '>',
  key: Key,
  orEqual: boolean,
  alias: string,
): Fragment {
  const names = columns.map(column => `${alias}${quoted(em, column)}`);
  const last = names.length - 1;
  const parts = names.map((name, index) => {
    const equal = names.slice(0, index).map(one => `${one} = ?`);
    return {
      sql: [...equal, `${name} ${operator}${orEqual && index === last ? '=' : ''} ?`].join(' and '),
      parameters: key.slice(0, index + 1),
    };
  });
  if (last === 0) return parts[0]!;
  const any = parts.map(({ sql }) => `(${sql})`).join(' or ');
  return {
    sql: `${names[0]} ${operator}= ? and (${any})`,
    parameters: [key[0], ...parts.flatMap(({ parameters }) => parameters)],
  };
}
