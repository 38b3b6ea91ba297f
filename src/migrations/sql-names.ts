import type { SqlEntityManager } from '@mikro-orm/sql';

/** What knows how a database quotes. */
type Quoting = Pick<SqlEntityManager, 'getPlatform'>;

/**
 * Returns a name of a table, a column or an index for SQL, whatever is in it: another application gave it. MikroORM's own
 * quoting takes a dot for the end of a schema's name.
 */
export function quotedName(em: Quoting, name: string): string {
  const quote = em.getPlatform().quoteIdentifier('x').at(-1)!;
  return `${quote}${name.replaceAll(quote, quote + quote)}${quote}`;
}

/** Returns a name as a text in SQL, whatever is in it. */
export function nameAsText(em: Quoting, name: string): string {
  return em.getPlatform().quoteValue(name);
}

/** Returns names as a list of texts in SQL; there must be at least one. */
export function quotedList(em: Quoting, names: readonly string[]): string {
  return names.map(name => nameAsText(em, name)).join(', ');
}
