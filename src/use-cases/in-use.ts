import { ForeignKeyConstraintViolationException } from '@mikro-orm/core';
import type { Database } from '../database/database.js';
import { databaseErrorOf } from '../transactions/refused-row.js';
import { problem, rejected, UserErrorCode, type Outcome } from './outcome.js';

/**
 * Runs a deletion. A row to which a table refers that another application has, such as its payments, is IN_USE; where
 * the reference is checked at the end of the transaction, only the commit shows it.
 */
export async function unlessInUse<Value>(
  database: Database,
  row: string,
  field: readonly string[],
  work: () => Promise<Outcome<Value>>,
): Promise<Outcome<Value>> {
  try {
    return await work();
  } catch (error) {
    if (!isReference(database, error)) throw error;
    return rejected(
      problem(
        UserErrorCode.IN_USE,
        field,
        `${row} is in use: another table of the database refers to it. Remove what refers to it first.`,
      ),
    );
  }
}

function isReference(database: Database, thrown: unknown): boolean {
  const error = databaseErrorOf(thrown);
  return (
    error instanceof Error && database.driver.convertException(error) instanceof ForeignKeyConstraintViolationException
  );
}
