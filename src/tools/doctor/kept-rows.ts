import type { Database } from '../../database/database.js';
import { mapOf } from '../../database/mapped/mapped-driver.js';
import { findTables } from '../../database/schema/found-tables.js';
import { TheirDatabase } from '../adopt/found/their-database.js';
import { keptRows } from '../adopt/place/kept-values.js';
import { ok, type Finding } from './finding.js';

/** Examines which rows of another application's database are not as ours are; they are listed and counted all the same. */
export async function examineKeptRows(database: Database): Promise<Finding[]> {
  const map = mapOf(database.driver);
  if (map === null) return [];
  const found = await keptRows({ theirs: new TheirDatabase(database), tables: await findTables(database), map });
  return found.length > 0 ? found : [ok('The rows of the other application are as those of Rollcall.')];
}
