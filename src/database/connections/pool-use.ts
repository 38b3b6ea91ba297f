import type { Database } from '../database.js';
import type { Pool } from '../dialects/mysql-and-mariadb/idle-connections.js';
import type { LimitedConnection } from '../dialects/mysql-and-mariadb/server-driver.js';
import { NodeSqliteFileDialect } from '../dialects/sqlite/sqlite-dialect.js';

/** Counts the connections of this process to its database, and who waits for one. */
export interface PoolUse {
  /** Counts those that run a statement or hold a transaction, and those that are being opened. */
  readonly active: number;
  readonly idle: number;
  readonly waiting: number;
  /** Limits them. */
  readonly most: number;
}

/** Reads how the connections are used now; asks the database nothing. */
export async function poolUse({ config, em }: Database): Promise<PoolUse> {
  const dialect = config.get('driverOptions') as unknown;
  if (dialect instanceof NodeSqliteFileDialect) {
    const { taken, open, most, waiting } = dialect.use;
    return { active: taken, idle: Math.max(0, open - taken), waiting, most };
  }
  const connection = em.getConnection() as unknown as LimitedConnection;
  const { _allConnections: all } = (await connection.getNativeClient()) as unknown as Pool;
  const { taken, waiting, most } = connection.places;
  return { active: taken, idle: Math.max(0, all.length - taken), waiting, most };
}
