import { adopt } from '../../src/database/adoption/adopt.js';
import { dialectOf, openDatabase, openToAdopt, type Database } from '../../src/database/database.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import { findTables } from '../../src/database/schema/found-tables.js';
import { mapForm, type DatabaseMap } from '../../src/map/map-form.js';
import { guessedMap } from '../../src/tools/adopt/map/load-map.js';
import { TheirDatabase } from '../../src/tools/adopt/found/their-database.js';
import { freshUrl } from './databases.js';
import { djangoTables, filledByDjango } from './django-tables.js';

/** Another application's database that was opened in place. */
export interface AdoptedSchool {
  readonly database: Database;
  readonly url: string;
  readonly map: DatabaseMap;
  readonly drop: () => Promise<void>;
}

/** Adds to a map what a guess cannot know, because no row has these values. */
export function withAllStatuses({ courses, enrollments }: DatabaseMap): void {
  const valuesOf = ({ status }: { status: object }) => (status as { values: object }).values;
  Object.assign(valuesOf(courses.columns), { ACTIVE: ['published'], DRAFT: ['draft'] });
  Object.assign(valuesOf(enrollments.columns), { COMPLETED: ['Completed'], DROPPED: ['dropped', 'left'] });
}

/** Opens a Django app's database with some rows in place, by a guessed map that some values were added to. */
export async function adoptedSchool(
  kind: DatabaseKind,
  rows: readonly string[],
  adapt: (map: DatabaseMap) => void = () => undefined,
  options: Parameters<typeof djangoTables>[1] = {},
): Promise<AdoptedSchool> {
  const { url, drop } = freshUrl(kind);
  const maker = await openDatabase(url);
  await maker.schema.ensureDatabase();
  for (const sql of [...djangoTables(kind, options), ...rows]) await maker.em.getConnection().execute(sql, [], 'run');
  // The rows have brought their keys along.
  await dialectOf(maker).schema.followKeys(maker, ['core_user', 'core_course', 'core_enrollments']);
  await maker.close(true);
  const plain = await openToAdopt(url);
  const guessed = await guessedMap(new TheirDatabase(plain), await findTables(plain));
  const map = mapForm.parse({
    ...guessed,
    courses: { ...guessed.courses, fill: filledByDjango.courses },
    enrollments: { ...guessed.enrollments, fill: filledByDjango.enrollments },
  });
  adapt(map);
  await adopt(plain, { map });
  await plain.close(true);
  const database = await openDatabase(url, 'hooks', map);
  return {
    database,
    url,
    map,
    async drop() {
      await database.close(true);
      await drop();
    },
  };
}
