import { dialectOf, type Database } from '../../database/database.js';
import { ok, warning, type Finding } from './finding.js';

/** The largest difference between two clocks that is left alone, in milliseconds. */
const MAX_CLOCK_DIFFERENCE_MS = 2000;

/** Examines whether the clocks of the database and of this machine agree, where the database has one of its own. */
export async function examineClock(database: Database): Promise<Finding[]> {
  const { inspection, title } = dialectOf(database);
  const before = Date.now();
  const clock = await inspection.clock(database);
  const after = Date.now();
  return clock === null
    ? [ok(`It is ${new Date(after).toISOString()}; ${title} goes by the clock of this machine.`)]
    : [clockFinding(clock, before, after)];
}

/**
 * Returns the finding for what the database's clock said between two moments of this machine's, all in milliseconds
 * since 1970.
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
