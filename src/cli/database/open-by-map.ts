import { readJournal } from '../../database/adoption/journal.js';
import { dialectOf, type Database } from '../../database/database.js';
import { learnUuidOrder } from '../../database/mapped/key-forms.js';
import type { DatabaseMap } from '../../map/map-form.js';
import { CommandError } from '../failures/command-error.js';
import { isWithin } from '../failures/within.js';

/**
 * Opens a database: our own without a map, another application's by the map that it was adopted by. Errors:
 * CommandError if the adoption was interrupted, or the order of UUIDs is none that is known.
 */
export async function openByMap(open: (map: DatabaseMap | null) => Promise<Database>): Promise<Database> {
  const database = await open(null);
  let map: DatabaseMap | null;
  try {
    map = await adoptedMap(database);
  } catch (error) {
    await database.close(true);
    // The database does not exist yet, or was made just now: the connection that failed to make it may be to another one.
    const { isMissing, isMadeByAnother } = dialectOf(database).schema;
    if (isWithin(error, one => isMissing(one) || isMadeByAnother(one))) return open(null);
    throw error;
  }
  if (map === null) return database;
  await database.close(true);
  const adopted = await open(map);
  const refusal = await learnUuidOrder(adopted, map).catch(async (error: unknown) => {
    await adopted.close(true);
    throw error;
  });
  if (refusal === null) return adopted;
  await adopted.close(true);
  throw new CommandError(refusal);
}

async function adoptedMap(database: Database): Promise<DatabaseMap | null> {
  const journal = await readJournal(database.em.fork());
  if (journal === null) return null;
  if (journal.entries.some(({ isDone }) => !isDone))
    throw new CommandError(
      'Opening the database of another application in place was interrupted. Continue with "rollcall adopt --yes", or take it back with "rollcall adopt --undo --yes".',
    );
  return journal.map;
}
