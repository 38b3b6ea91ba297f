import { dialectOf, type Database, type PoolUse } from '../dialects/dialect.js';

export type { PoolUse };

/** Returns how the connections of this process to its database are used now, without a query. */
export function poolUse(database: Database): Promise<PoolUse> {
  return dialectOf(database).connections.use(database);
}
