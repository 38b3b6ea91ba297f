import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Config } from '../config/config.js';
import { checkStrategy, CounterError, installTriggers, type CounterStrategy } from 'mikro-orm-counters';
import type { Database } from '../database/database.js';
import { CommandError } from './failure.js';
import { tell } from './output.js';

/** Gives the engine's strategy for the configured one: `switching` counts with hooks. */
export function strategyOf({ counters }: Pick<Config, 'counters'>): CounterStrategy {
  return counters === 'triggers' ? 'triggers' : 'hooks';
}

/**
 * Installs the triggers that are missing, where they are to count, and names them on standard error; refuses to count
 * with hooks where triggers count, unless a switch is under way. Errors: CommandError.
 */
export async function ensureStrategy(database: Database, counters: Config['counters']): Promise<void> {
  if (counters === 'switching') return;
  if (counters === 'triggers') await installMissing(database.em);
  try {
    await checkStrategy(database.em);
  } catch (error) {
    if (!(error instanceof CounterError)) throw error;
    throw new CommandError(
      `${error.message} Set COUNTERS=triggers, or go back to hooks: "rollcall counters use --help" says how.`,
      { cause: error },
    );
  }
}

/**
 * Installs the triggers that are missing, in the entity manager's transaction where it has one, and names them on
 * standard error.
 */
export async function installMissing(em: SqlEntityManager): Promise<void> {
  const { created, dropped } = await installTriggers(em);
  for (const name of created) tell(`Installed the trigger ${name}.\n`);
  for (const name of dropped) tell(`Dropped the trigger ${name}, whose counter is declared no more.\n`);
}
