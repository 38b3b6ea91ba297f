import type { AbstractSqlConnection } from '@mikro-orm/sql';
import type { Compilable, Kysely } from 'kysely';
import type { Database } from '../../database/database.js';
import type { Tables } from './tables.js';

/** Gives the builder that the reader writes its SQL with; `rows` runs it. */
export function builderFor(database: Database): Kysely<Tables> {
  return (database.em.getConnection('read') as AbstractSqlConnection).getClient() as unknown as Kysely<Tables>;
}

/** Runs one query outside of any transaction and gives its plain rows: the one place through which all reads pass. */
export async function rows<Row>(database: Database, query: Compilable<Row>): Promise<Row[]> {
  const { sql, parameters } = query.compile();
  return (database.em.getConnection('read') as AbstractSqlConnection).execute<Row[]>(sql, [...parameters], 'all');
}
