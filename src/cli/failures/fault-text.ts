import type { FaultKind } from '../../database/faults/fault.js';
import { faultOf } from '../../database/faults/fault-of.js';
import type { NamedDatabase } from '../../database/texts/named-database.js';

/** What to do about the faults of a database that no dialect explains, by their kind. */
const faultTexts: Partial<Record<FaultKind, (number: number | string, named: NamedDatabase) => string>> = {
  deadlock: conflictText,
  lock_wait: conflictText,
  changed: conflictText,
  disconnected: (number, { setting, url }) =>
    `The database does not answer (${number}). Start it, or correct ${setting} (${url}).`,
  stopped: (number, { setting, url }) =>
    `The database is not serving at the moment (${number}). Wait until it is, or correct ${setting} (${url}).`,
  crowded: number =>
    `The database accepts no more connections (${number}). Close some, raise its limit, or try again later.`,
  read_only: (number, { setting, url }) =>
    `The database accepts no changes (${number}): it is a replica, or it was set to read-only. Correct ${setting} (${url}), or wait until it accepts them.`,
  full: number => `The database has no room for changes (${number}). Free space on its disk.`,
  exhausted: number =>
    `The database has run out of memory, threads or files (${number}). Give it more, or try again later.`,
  refused: (number, { setting, url }) =>
    `The database rejects this user (${number}). Correct ${setting} (${url}), or have the user allowed in.`,
  denied: number =>
    `The database does not allow this user to do that (${number}). Grant the privileges that "rollcall doctor" names.`,
  broken: number =>
    `The database cannot read or write its files (${number}). Look into its log, and repair or restore it.`,
};

function conflictText(number: number | string): string {
  return `Other programs use the same tables, and the database gave way to them (${number}). What was done before stays as it is. Run the same command again, at best when they do less.`;
}

/** Returns what to do about an error that is a fault of the database; null for other errors. */
export function faultText(error: unknown, named: NamedDatabase): string | null {
  const fault = faultOf(error);
  const text = fault && faultTexts[fault.kind]?.(fault.number, named);
  // The database's own words name the table or the file.
  return text ? `${text} It says: ${fault.message}` : null;
}
