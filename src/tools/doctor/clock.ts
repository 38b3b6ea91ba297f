import { databaseKindOf, type Database } from '../../database/database.js';
import { dateOf } from '../../database/tables.js';
import { ok, warning, type Finding } from './finding.js';

/** Is by how much two clocks may differ, in milliseconds. */
const MAX_CLOCK_DIFFERENCE_MS = 2000;

/** Examines whether the clocks of the database and of this machine agree; SQLite has none of its own. */
export async function examineClock(database: Database): Promise<Finding[]> {
  if (databaseKindOf(database) === 'sqlite')
    return [ok(`It is ${new Date().toISOString()}; SQLite goes by the clock of this machine.`)];
  const before = Date.now();
  const [row] = await database.em
    .getConnection()
    .execute<{ now: string }[]>("select date_format(utc_timestamp(3), '%Y-%m-%d %H:%i:%s.%f') as now");
  const after = Date.now();
  return [clockFinding(dateOf(row!.now.slice(0, 23)).getTime(), before, after)];
}

/**
 * Gives the finding for what the database's clock said between two moments of this machine's, all in milliseconds since
 * 1970.
 */
export function clockFinding(database: number, before: number, after: number): Finding {
  // Whatever lies between the two moments can be right.
  const difference = database < before ? database - before : database > after ? database - after : 0;
  if (Math.abs(difference) <= MAX_CLOCK_DIFFERENCE_MS)
    return ok(`The database's clock says ${new Date(database).toISOString()}, as this machine's does.`);
  const seconds = (Math.abs(difference) / 1000).toFixed(1);
  return warning(
    `The database's clock is ${seconds} s ${difference < 0 ? 'behind' : 'ahead of'} this machine's.`,
    'Let both follow NTP: tokens expire by this one, runs by that one.',
  );
}
