import type { Database } from '../../database/database.js';
import { mapOf } from '../../database/mapped/mapped-driver.js';
import { findTables } from '../../database/schema/found-tables.js';
import { cascadeFindings, referencesOfOthers, textFindings, uniquePairFinding } from '../adopt/check/tables.js';
import { TheirDatabase } from '../adopt/found/their-database.js';
import { ok, type Finding } from './finding.js';

/** Examines what the tables of another application's database, opened in place, forbid and do by themselves. */
export async function examineTheirTables(database: Database): Promise<Finding[]> {
  const map = mapOf(database.driver);
  if (map === null) return [];
  const examined = { theirs: new TheirDatabase(database), tables: await findTables(database), map };
  const others = referencesOfOthers(examined);
  return [
    uniquePairFinding(examined),
    ...cascadeFindings(examined),
    others.length === 0
      ? ok('No other table refers to these.')
      : ok(`Other tables refer to these: ${others.join('; ')}. A row to which one refers cannot be deleted (IN_USE).`),
    ...textFindings(examined),
  ];
}
