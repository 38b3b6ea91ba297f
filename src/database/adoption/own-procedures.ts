/** The procedure, or function, that verifies the counts of another application's database. */
import { ADDED_PREFIX } from '../../map/mapped-table.js';
import { PROCEDURE } from '../../migrations/procedures.js';
import { dialectOf, type Database } from '../dialects/dialect.js';
import type { Addition } from './journal.js';

/**
 * The comment by which ours is recognized. In a database of our own it is another one, so that an undo does not drop a
 * procedure that was there before the adoption.
 */
export const ADOPTED_PROCEDURE_COMMENT =
  'Counts the stored counts that differ from the enrollments, by the map of the adoption; changes nothing.';

/** The names that it can have: the other application may have a procedure with the first. */
const names = [PROCEDURE, `${ADDED_PREFIX}verify_counts`] as const;

/** Returns the name that ours has in an adopted database, or can have. */
export async function procedureName(database: Database): Promise<string> {
  for (const name of names)
    if ((await commentOf(database, name)) === undefined || (await isOurs(database, name))) return name;
  // The script that makes it says that the name is taken.
  return names[1];
}

/** Returns the removal of ours, as far as it is there: people make it with a script, so no journal has it. */
export async function procedureRemovals(database: Database): Promise<Addition[]> {
  const { procedures } = dialectOf(database).adoption;
  if (procedures === null) return [];
  const removals: Addition[] = [];
  for (const name of names)
    if (await isOurs(database, name))
      removals.push({
        kind: 'procedure',
        object: procedures.word,
        names: [name],
        statements: [],
        reverse: [`drop ${procedures.word} if exists ${name}${procedures.word === 'function' ? '()' : ''}`],
      });
  return removals;
}

async function isOurs(database: Database, name: string): Promise<boolean> {
  return (await commentOf(database, name)) === ADOPTED_PROCEDURE_COMMENT;
}

async function commentOf(database: Database, name: string): Promise<string | undefined> {
  return dialectOf(database).adoption.procedures?.commentOf(database.em.fork(), name);
}
