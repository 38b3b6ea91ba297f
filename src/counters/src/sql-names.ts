import type { EntityMetadata } from '@mikro-orm/core';
import { SqlitePlatform, type SqlEntityManager } from '@mikro-orm/sql';
import type { Key } from './key.js';

/** Is a part of a statement and the values of its question marks, in their order. */
export interface Fragment {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/** Gives an identifier in the database's quotes. */
export function quoted(em: SqlEntityManager, identifier: string): string {
  return em.getPlatform().quoteIdentifier(identifier);
}

/** Gives a table's quoted name, with the schema that the entity manager or the entity names. */
export function tableName(em: SqlEntityManager, meta: EntityMetadata): string {
  const schema = [em.schema, meta.schema].find(name => name && name !== '*');
  return quoted(em, schema ? `${schema}.${meta.tableName}` : meta.tableName);
}

/** Gives the condition that columns hold one of some keys; its values are the keys' parts, in order. */
export function keyIn(em: SqlEntityManager, columns: readonly string[], keys: readonly Key[], alias = ''): Fragment {
  const names = columns.map(column => `${alias}${quoted(em, column)}`);
  const parameters = keys.flat();
  if (names.length === 1) return { sql: `${names[0]} in (${keys.map(() => '?').join(', ')})`, parameters };
  const equal = names.map(name => `${name} = ?`).join(' and ');
  return { sql: `(${keys.map(() => equal).join(' or ')})`, parameters };
}

/** Tells whether the database is SQLite, which has no row locks and one writer at a time. */
export function isSqlite(em: SqlEntityManager): boolean {
  return em.getPlatform() instanceof SqlitePlatform;
}
