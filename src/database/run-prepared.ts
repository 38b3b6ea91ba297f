import { CompiledQuery, type Kysely } from 'kysely';

/** The parts of MikroORM's connections that running a prepared statement needs. */
interface PreparingConnection {
  readonly getClient: () => Kysely<unknown>;
}

/**
 * Runs a statement with marked values, and returns its raw rows. MikroORM itself would write the values into the text
 * first, for its log, and send that.
 */
export async function runPrepared<Row>(
  connection: PreparingConnection,
  sql: string,
  values: readonly unknown[],
): Promise<Row[]> {
  const { rows } = await connection.getClient().executeQuery<Row>(CompiledQuery.raw(sql, values as unknown[]));
  return rows;
}
