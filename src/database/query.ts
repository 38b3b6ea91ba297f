import type { AbstractSqlConnection, SqlEntityManager } from '@mikro-orm/sql';
import type { Compilable, Kysely } from 'kysely';
import type { Database } from './database.js';
import type { Tables } from './tables.js';

/** Gives the builder that the reader writes its SQL with; `rows` runs it. */
export function builderFor({ em }: { readonly em: Pick<SqlEntityManager, 'getConnection'> }): Kysely<Tables> {
  return (em.getConnection('read') as AbstractSqlConnection).getClient() as unknown as Kysely<Tables>;
}

/**
 * Runs one query outside of any transaction and gives its plain rows: the one place through which all reads outside of
 * transactions pass.
 */
export async function rows<Row>(database: Database, query: Compilable<Row>): Promise<Row[]> {
  const { sql, parameters } = query.compile();
  return (database.em.getConnection('read') as AbstractSqlConnection).execute<Row[]>(sql, [...parameters], 'all');
}

/**
 * Runs one query within the transaction of an entity manager and returns its plain rows: for use cases, which read what
 * they are about to lock.
 */
export async function rowsWithin<Row>(em: SqlEntityManager, query: Compilable<Row>): Promise<Row[]> {
  const { sql, parameters } = query.compile();
  return em.execute<Row[]>(sql, [...parameters]);
}
