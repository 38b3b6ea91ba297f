import type { Database } from '../database/database.js';
import { faultOf } from '../database/faults/fault-of.js';
import { mapOf } from '../database/mapped/mapped-driver.js';
import { NotWritable } from '../map/written-row.js';

/**
 * Returns the error for a change that a rule of another application's tables forbids, such as a column that cannot be
 * empty, with that of the database as its cause; every other error as it is. In a database of our own such an error is a
 * mistake of ours.
 */
export function refusedRow(database: Database, error: unknown): unknown {
  const fault = faultOf(error);
  if (fault?.kind !== 'row_refused' || mapOf(database.driver) === null) return error;
  return new NotWritable(
    `The database of the other application does not accept the row: ${fault.message.replace(/\.$/, '')}. Nothing was changed.`,
    { cause: error },
  );
}

/** Returns the error of the database for which refusedRow() has returned another one; every other error as it is. */
export function databaseErrorOf(error: unknown): unknown {
  return error instanceof NotWritable ? (error.cause ?? error) : error;
}
