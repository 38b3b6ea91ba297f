import { readFile } from 'node:fs/promises';
import { dialectOf } from '../../../database/database.js';
import type { FoundTables } from '../../../database/schema/found-table.js';
import type { TheirDatabase } from '../found/their-database.js';
import { guessMap, NoColumn } from './guess-map.js';
import { guessTables, unrecognized } from './guess-tables.js';
import { MapError, mapFrom, type DatabaseMap } from '../../../map/map-form.js';

/** The path of the file with a map, and whether somebody named it: then it must exist. */
export interface MapPlace {
  readonly path: string;
  readonly isNamed: boolean;
}

/** A map, and the file that it comes from; null: it was guessed from the tables. */
export interface LoadedMap {
  readonly map: DatabaseMap;
  readonly path: string | null;
}

/** Reads the map of a database, or guesses it if there is no such file. Errors: MapError. */
export async function loadMap(place: MapPlace, theirs: TheirDatabase, tables: FoundTables): Promise<LoadedMap> {
  const text = await contentOf(place);
  if (text !== null) return { map: mapFrom(text, place.path), path: place.path };
  return { map: await guessedMap(theirs, tables), path: null };
}

/** Returns the likeliest map of a database. Errors: MapError, where a table or a column has no usual name. */
export async function guessedMap(theirs: TheirDatabase, tables: FoundTables): Promise<DatabaseMap> {
  const guessed = guessTables(tables);
  const { users, courses, enrollments } = guessed;
  if (!users || !courses || !enrollments)
    throw new MapError(
      `The tables of the ${unrecognized(guessed).join(' and the ')} were not recognized among ${[...tables.keys()].join(', ') || 'no tables at all'}. ${tables.size > 0 ? 'Write a map that names them, as docs/moving.md shows.' : await otherPlaces(theirs)}`,
    );
  try {
    return await guessMap({ users, courses, enrollments }, async (table, column) =>
      (await theirs.values(table, column)).map(({ value }) => value),
    );
  } catch (error) {
    if (!(error instanceof NoColumn)) throw error;
    throw new MapError(`${error.message} Write a map that names it, as docs/moving.md shows.`, { cause: error });
  }
}

/** Returns where else tables are, in words. */
async function otherPlaces({ database }: TheirDatabase): Promise<string> {
  const { otherPlaces: find, wayToOtherPlaces } = dialectOf(database).schema;
  const places = await find(database.em.fork(), null);
  return places.length === 0 ? 'Check the URL.' : `There are some in ${places.join(', ')}. ${wayToOtherPlaces}`;
}

async function contentOf({ path, isNamed }: MapPlace): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && !isNamed) return null;
    throw new MapError(code === 'ENOENT' ? `There is no map ${path}.` : `The map ${path} cannot be read (${code}).`, {
      cause: error,
    });
  }
}
