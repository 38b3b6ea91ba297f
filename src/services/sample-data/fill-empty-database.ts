import { UniqueConstraintViolationException } from '@mikro-orm/core';
import pRetry from 'p-retry';
import type { Database } from '../../database/database.js';
import { TransactionError } from '../transaction-error.js';
import { seedDatabase, type Seed } from './seed-database.js';

/** Limits how long one process waits for another one that fills the same database, in milliseconds. */
const WAIT = 120_000;

/**
 * Adds sample data to a database that holds no user and no course; gives false, and adds nothing, where somebody else has
 * added something. Safe while other processes do the same.
 *
 * All the data come in one transaction, whose first row is the admin: the email, which is unique, holds up every other
 * process until that transaction has ended. SQLite lets one transaction write at a time anyway. Either way, the one that
 * was held up looks again.
 */
export function fillEmptyDatabase(database: Database, seed: Seed): Promise<boolean> {
  return pRetry(() => seedDatabase(database, { ...seed, onlyIfEmpty: true }), {
    retries: Number.POSITIVE_INFINITY,
    minTimeout: 50,
    maxTimeout: 1000,
    factor: 2,
    randomize: true,
    maxRetryTime: WAIT,
    shouldRetry: ({ error }) => isHeldUp(error),
  });
}

/** Tells whether an error can come of another process's sample data: of its rows, or of its locks. */
function isHeldUp(error: Error): boolean {
  return error instanceof UniqueConstraintViolationException || (error instanceof TransactionError && error.code === 'RETRY_LATER');
}
