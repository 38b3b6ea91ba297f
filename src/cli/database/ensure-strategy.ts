import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Config } from '../../config/config.js';
import {
  checkStrategy,
  CounterError,
  existingTriggers,
  installTriggers,
  triggerStatus,
  type CounterStrategy,
} from 'mikro-orm-counters';
import type { Database } from '../../database/database.js';
import { CommandError } from '../failures/command-error.js';
import { tell } from '../output/terminal.js';

/** Returns the engine's strategy for the configured one: `switching` counts with hooks. */
export function strategyOf({ counters }: Pick<Config, 'counters'>): CounterStrategy {
  return counters === 'triggers' ? 'triggers' : 'hooks';
}

/**
 * Installs missing triggers if triggers are to count, and names them on standard error. Refuses to count with hooks
 * while triggers count, unless a switch is under way. Errors: CommandError.
 */
export async function ensureStrategy(database: Database, counters: Config['counters']): Promise<void> {
  if (counters === 'switching') return;
  if (counters === 'triggers') await installMissingTriggers(database.em);
  await requireStrategy(database, counters);
}

/** Requires that the database counts as is configured, and changes nothing. Errors: CommandError. */
export async function requireStrategy(database: Database, counters: Config['counters']): Promise<void> {
  if (counters === 'switching') return;
  try {
    await checkStrategy(database.em);
  } catch (error) {
    if (!(error instanceof CounterError)) throw error;
    // Without triggers that count for all programs, those of a counter that is being added are what is wrong.
    const hint =
      counters === 'triggers' || existingTriggers(await triggerStatus(database.em)).length > 0
        ? ' Set COUNTERS=triggers, or go back to hooks: "rollcall counters use --help" says how.'
        : '';
    throw new CommandError(`${error.message}${hint}`, { cause: error });
  }
}

/** Installs missing triggers, in the entity manager's transaction if it has one, and names them on standard error. */
export async function installMissingTriggers(em: SqlEntityManager): Promise<void> {
  const { created, dropped } = await installTriggers(em);
  for (const name of created) tell(`Installed the trigger ${name}.\n`);
  for (const name of dropped) tell(`Dropped the trigger ${name}, whose counter is no longer declared.\n`);
}
