import type { Config } from '../config.js';
import { openDatabase, type Database } from '../database/database.js';
import { migrateUp } from '../database/migrate-up.js';
import { explained } from './failure.js';

/** Opens the configured database for some work and closes it whatever happens. Errors: CommandError, where the database is out of reach. */
export async function withDatabase<Result>({ databaseUrl }: Config, work: (database: Database) => Promise<Result>): Promise<Result> {
  try {
    const database = await openDatabase(databaseUrl);
    try {
      return await work(database);
    } finally {
      await database.close(true);
    }
  } catch (error) {
    throw explained(error, databaseUrl);
  }
}

/** Does the same once all pending migrations are applied, and names those on standard error. */
export function withMigratedDatabase<Result>(config: Config, work: (database: Database) => Promise<Result>): Promise<Result> {
  return withDatabase(config, async database => {
    for (const name of await migrateUp(database)) process.stderr.write(`Applied the migration ${name}.\n`);
    return work(database);
  });
}
