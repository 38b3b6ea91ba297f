import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Compilable, Kysely, SelectQueryBuilder } from 'kysely';
import { compiledValues } from './compiled-values.js';
import type { Database } from './database.js';
import { mapOf } from './mapped/mapped-driver.js';
import { MappedQueries } from './mapped/mapped-queries.js';
import type { Tables } from './tables.js';

/** The builders of queries with other names in the database, by those without. */
const mappedBuilders = new WeakMap<Kysely<Tables>, Kysely<Tables>>();

/** Returns the builder of queries over the tables, which it names as a map says; `rows` runs them. */
export function builderFor({
  em,
}: {
  readonly em: Pick<SqlEntityManager, 'getConnection' | 'getDriver' | 'getMetadata'>;
}): Kysely<Tables> {
  const client: Kysely<Tables> = em.getConnection('read').getClient();
  if (mapOf(em.getDriver()) === null) return client;
  let mapped = mappedBuilders.get(client);
  if (!mapped) mappedBuilders.set(client, (mapped = client.withPlugin(new MappedQueries(em))));
  return mapped;
}

/** Returns one query for the rows of several; there must be at least one. */
export function unionOf<All, From extends keyof All, Row>(
  queries: readonly SelectQueryBuilder<All, From, Row>[],
): SelectQueryBuilder<All, From, Row> {
  return queries.reduce((all, next) => all.unionAll(next));
}

/**
 * Runs one query outside of any transaction and returns its raw rows: the one place through which all reads outside of
 * transactions pass.
 */
export async function rows<Row>(database: Database, query: Compilable<Row>): Promise<Row[]> {
  const { sql, parameters } = query.compile();
  return database.em.getConnection('read').execute<Row[]>(sql, compiledValues(parameters), 'all');
}

/** Runs one query within the transaction of an entity manager and returns its raw rows. */
export async function rowsWithin<Row>(em: SqlEntityManager, query: Compilable<Row>): Promise<Row[]> {
  const { sql, parameters } = query.compile();
  return em.execute<Row[]>(sql, compiledValues(parameters));
}
