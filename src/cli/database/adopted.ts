import { adopt, planAdoptionUndo, type OnStep, type Removal } from '../../database/adoption/adopt.js';
import { readJournal, type Journal } from '../../database/adoption/journal.js';
import { openDatabase, openExistingDatabase, openToAdopt, type Database } from '../../database/database.js';
import type { Config } from '../../config/config.js';
import type { DatabaseMap } from '../../map/map-form.js';
import { duration } from '../output/format.js';
import { tell } from '../output/terminal.js';
import { additionTitle } from '../reports/adoption-plan.js';
import { strategyOf } from './ensure-strategy.js';
import { using } from './using.js';

/** Opens the database of another application, to change it, and closes it whatever happens. Errors: CommandError. */
export async function withDatabaseToAdopt<Result>(
  url: string,
  work: (database: Database) => Promise<Result>,
): Promise<Result> {
  return using(url, () => openToAdopt(url), work);
}

/** Opens an adopted database by its map, and closes it whatever happens. Errors: CommandError. */
export async function withAdoptedDatabase<Result>(
  config: Pick<Config, 'databaseUrl' | 'counters'>,
  map: DatabaseMap,
  work: (database: Database) => Promise<Result>,
): Promise<Result> {
  return using(config.databaseUrl, () => openDatabase(config.databaseUrl, strategyOf(config), map), work);
}

/** Returns the journal of a database that was adopted; null: it was not. Changes nothing. Errors: CommandError. */
export function journalOf(url: string): Promise<Journal | null> {
  return using(
    url,
    () => openExistingDatabase(url),
    async database => readJournal(database.em.fork()),
  );
}

/** Returns what taking an adoption back drops. Changes nothing. Errors: CommandError. */
export function removalsFrom(url: string): Promise<Removal[]> {
  return using(url, () => openExistingDatabase(url), planAdoptionUndo);
}

/**
 * Adds to an adopted database what this version needs, instead of migrating it, and returns the number of additions.
 * Errors: CommandError.
 */
export function adoptFurther(url: string, { map }: Journal): Promise<number> {
  return withDatabaseToAdopt(url, async database => adopt(database, { map }, tellingSteps('adding')));
}

/** The duration from which it is told, in milliseconds. */
const MIN_TOLD_MS = 1000;

/** Returns what says on standard error which step begins, and how long it took if that was long. */
export function tellingSteps(verb: string): OnStep {
  let start = 0;
  return ({ addition, number, of }, phase) => {
    if (phase === 'begins') {
      start = performance.now();
      tell(`${number}/${of} ${verb} ${additionTitle(addition)}\n`);
      return;
    }
    const took = performance.now() - start;
    if (took >= MIN_TOLD_MS) tell(`${number}/${of} took ${duration(took)}.\n`);
  };
}
