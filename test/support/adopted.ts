import { openDatabase, openToAdopt, type Database } from '../../src/database/database.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import { findTables } from '../../src/database/schema/found-tables.js';
import type { DatabaseMap } from '../../src/map/map-form.js';
import { TheirDatabase } from '../../src/tools/adopt/found/their-database.js';
import { guessedMap } from '../../src/tools/adopt/map/load-map.js';
import { freshUrl } from './databases.js';

/** A database of another application, opened to be changed, with its map. */
export interface OpenedInPlace {
  readonly database: Database;
  readonly url: string;
  readonly map: DatabaseMap;
  readonly close: () => Promise<void>;
}

/** Makes another application's database by some statements, and opens it; without a map, one is guessed. */
export async function openedInPlace(
  kind: DatabaseKind,
  statements: readonly string[],
  map?: DatabaseMap,
): Promise<OpenedInPlace> {
  const { url, drop } = freshUrl(kind);
  const maker = await openDatabase(url);
  await maker.schema.ensureDatabase();
  for (const sql of statements) await maker.em.getConnection().execute(sql, [], 'run');
  await maker.close(true);
  const database = await openToAdopt(url);
  return {
    database,
    url,
    map: map ?? (await guessedMap(new TheirDatabase(database), await findTables(database))),
    async close() {
      await database.close(true);
      await drop();
    },
  };
}
