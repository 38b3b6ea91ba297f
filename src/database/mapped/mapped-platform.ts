import type { Platform } from '@mikro-orm/core';
import { columnsIn, mapParts, type DatabaseMap } from '../../map/map-form.js';
import { storedCountsIn } from '../../map/stored-counts.js';
import { quotedName } from '../../migrations/sql-names.js';

/** A column behind one of the names that MikroORM gives to tables in its queries. */
export const ALIASED = /^[a-z]\d+\./;

/**
 * Makes the platform of a driver take the names of a map as they are, whatever is in them: MikroORM takes a dot for the
 * end of a schema's name, and a question mark anywhere in a statement for the place of a value.
 */
export function takeNames(platform: Platform, map: DatabaseMap): void {
  const names = namesIn(map);
  const quoted = (name: string): string => quotedName({ getPlatform: () => platform as never }, name);
  const whole = new Map(
    names.filter(name => name.includes('.') && !ALIASED.test(name)).map(name => [name, quoted(name)]),
  );
  // The query builder's quotes are not those of MikroORM on every database.
  const marked = names
    .filter(name => name.includes('?'))
    .flatMap(name => ['"', '`'].map(quote => `${quote}${name.replaceAll(quote, quote + quote)}${quote}`));
  if (whole.size > 0) {
    const quoteIdentifier = platform.quoteIdentifier.bind(platform);
    platform.quoteIdentifier = (id, ...rest) => whole.get(String(id)) ?? quoteIdentifier(id, ...rest);
  }
  if (marked.length > 0) {
    const literal = marked.map(name => name.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`));
    const token = new RegExp([...literal, String.raw`\\\?|\?\??`].join('|'), 'g');
    platform.formatQuery = (sql, parameters) =>
      parameters.length === 0 ? sql : filled(platform, sql, token, parameters);
  }
}

/** Returns all names of tables and columns in a map. */
function namesIn(map: DatabaseMap): string[] {
  const all = mapParts.flatMap(part => {
    const { table, columns, fill = {} } = map[part];
    return [table, ...Object.values(columns).flatMap(columnsIn), ...Object.keys(fill)];
  });
  return [...new Set([...all, ...storedCountsIn(map).values()])];
}

/** Returns a statement with its values, as MikroORM's own formatQuery(), but for the question marks in names. */
function filled(platform: Platform, sql: string, token: RegExp, parameters: readonly unknown[]): string {
  let next = 0;
  return sql.replace(token, found => {
    if (found === '?') return platform.quoteValue(parameters[next++]);
    if (found === '??') return platform.quoteIdentifier(parameters[next++] as string);
    return found === String.raw`\?` ? '?' : found;
  });
}
