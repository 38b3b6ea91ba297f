import type { SqlEntityManager } from '@mikro-orm/sql';
import pRetry from 'p-retry';
import type { Config } from '../../config/config.js';
import { openDatabase, openExistingDatabase, type Database } from '../../database/database.js';
import { mapOf } from '../../database/mapped/mapped-driver.js';
import { findSchema } from '../../database/schema/own-schema.js';
import { migrateUp } from '../../database/schema/migrate-up.js';
import { withoutPassword } from '../../database/texts/database-url.js';
import { isConnectionLost } from '../../transactions/transaction-error.js';
import { reportingAlteredTables } from '../reports/altered-tables.js';
import { openByMap } from './open-by-map.js';
import { using } from './using.js';
import { ensureStrategy, installMissingTriggers, strategyOf } from './ensure-strategy.js';
import { CommandError } from '../failures/command-error.js';
import { tell } from '../output/terminal.js';

/** Opens the configured database for some work, and closes it whatever happens. Errors: CommandError. */
export function withDatabase<Result>(config: Config, work: (database: Database) => Promise<Result>): Promise<Result> {
  return using(config.databaseUrl, () => opened(config), work);
}

/** Does the same with a database that exists: creates and migrates none. Errors: CommandError. */
export function withExistingDatabase<Result>(
  config: Pick<Config, 'databaseUrl' | 'counters'>,
  work: (database: Database) => Promise<Result>,
): Promise<Result> {
  return using(
    config.databaseUrl,
    () => openByMap(map => openExistingDatabase(config.databaseUrl, strategyOf(config), map)),
    work,
  );
}

/**
 * Does the same after all pending migrations have been applied, which are named on standard error, and after the
 * counters' strategy has been ensured. A schema that was empty is filled, by one process only. If the database does not
 * answer yet, waits for up to `wait` seconds, and says so.
 */
export function withMigratedDatabase<Result>(
  config: Config,
  work: (database: Database) => Promise<Result>,
  { wait = 0, fill }: { wait?: number; fill?: InitialFill | undefined } = {},
): Promise<Result> {
  const told = new Set<string>();
  const ready = (): Promise<Database> =>
    pRetry(() => migrated(config, fill), {
      retries: Number.POSITIVE_INFINITY,
      factor: 1.5,
      minTimeout: 100,
      maxTimeout: 2000,
      randomize: true,
      maxRetryTime: wait * 1000,
      shouldRetry: ({ error }) => isConnectionLost(error),
      onFailedAttempt: ({ error }) => {
        const { code = '' } = error as { code?: string };
        if (wait === 0 || told.has(code) || !isConnectionLost(error)) return;
        told.add(code);
        tell(
          `Waiting up to ${wait} s for the database at ${withoutPassword(config.databaseUrl)}, which does not answer yet (${code}).\n`,
        );
      },
    });
  return using(config.databaseUrl, ready, work);
}

/** Requires that another application's database has all that this version needs. Errors: CommandError. */
export async function requireAdopted(database: Database): Promise<void> {
  const { pending } = await findSchema(database);
  if (pending.length === 0) return;
  throw new CommandError(
    `The database of another application lacks what this version adds: ${pending.map(({ name }) => name).join(', ')}. "rollcall adopt" shows it, and "rollcall migrate up" adds it.`,
  );
}

/** What fills a database whose schema was empty, in the entity manager's transaction if it has one. */
export type InitialFill = (database: Database, em: SqlEntityManager) => Promise<void>;

function opened(config: Config): Promise<Database> {
  return openByMap(map => openDatabase(config.databaseUrl, strategyOf(config), map));
}

async function migrated(config: Config, fill?: InitialFill): Promise<Database> {
  const database = await opened(config);
  const withTriggers = config.counters === 'triggers';
  const fillNew = async (em: SqlEntityManager): Promise<void> => {
    // Without triggers nothing can be written.
    if (withTriggers) await installMissingTriggers(em);
    await fill!(database, em);
  };
  const onApplied = (names: readonly string[]): void => names.forEach(name => tell(`Applied the migration ${name}.\n`));
  try {
    if (mapOf(database.driver) === null)
      await reportingAlteredTables(database, () =>
        migrateUp(database, { onApplied, withTriggers, ...(fill && { fill: fillNew }) }),
      );
    else await requireAdopted(database);
    await ensureStrategy(database, config.counters);
    return database;
  } catch (error) {
    await database.close(true);
    throw error;
  }
}
