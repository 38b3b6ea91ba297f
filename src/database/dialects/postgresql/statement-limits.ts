import { CompiledQuery, type DatabaseConnection } from 'kysely';
import type { StatementLimits } from '../../connections/limited-driver.js';

/**
 * The unit of the server's own limit, in milliseconds: setting it takes a statement, which most uses of a connection do
 * not need, because it has this limit already.
 */
const UNIT_MS = 1000;

/** The limits that connections have now, in milliseconds; 0: none. */
const limits = new WeakMap<DatabaseConnection, number>();

/**
 * PostgreSQL's limits, which are settings of a connection. A statement may take up to a unit longer than its time limit,
 * and one of a transaction as long as the transaction may take, but only if this process does not kill it first, because
 * it hangs or is gone.
 */
export const postgreSqlStatementLimits: StatementLimits = {
  async prepare(connection, milliseconds) {
    const limit = milliseconds === null ? 0 : Math.max(1, Math.ceil(milliseconds / UNIT_MS)) * UNIT_MS;
    if ((limits.get(connection) ?? 0) !== limit) {
      await connection.executeQuery(CompiledQuery.raw(`set statement_timeout = ${limit}`));
      limits.set(connection, limit);
    }
    return sql => sql;
  },
};
