import type { Config } from '../config.js';
import { checkStrategy, CounterError, installTriggers, type CounterStrategy } from '../counters/index.js';
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
export async function bringStrategyInForce(database: Database, counters: Config['counters']): Promise<void> {
  if (counters === 'switching') return;
  if (counters === 'triggers') {
    const { created, dropped } = await installTriggers(database.em);
    for (const name of created) tell(`Installed the trigger ${name}.\n`);
    for (const name of dropped) tell(`Dropped the trigger ${name}, whose counter is declared no more.\n`);
  }
  try {
    await checkStrategy(database.em);
  } catch (error) {
    if (!(error instanceof CounterError)) throw error;
    throw new CommandError(`${error.message} Set COUNTERS=triggers, or go back to hooks: "rollcall counters use --help" says how.`, { cause: error });
  }
}
