import type { EntityMetadata } from '@mikro-orm/core';
import { CounterError } from './errors.js';
import type { CounterGroup, CounterRegistry } from './registry.js';

/** Is MySQL's and MariaDB's error for an unsigned column from which more is taken than it holds. */
const OUT_OF_RANGE = 1690;

/**
 * Matches what a database says of a row that breaks a CHECK: SQLite, MySQL, MariaDB; SQLite gives one without a name by
 * its expression.
 */
const CHECK_FAILED =
  /^(?:CHECK constraint failed: (.+)|Check constraint '(.+)' is violated\.|CONSTRAINT `(.+?)` failed for .+)$/s;

/**
 * Gives COUNTER_UNDERFLOW, as hooks do, for the error with which a database keeps a stored count from falling below 0
 * when a trigger takes from it; null for any other error.
 */
export function underflowOf(error: unknown, { groups }: CounterRegistry): CounterError | null {
  const { message, errno } = (error ?? {}) as { message?: unknown; errno?: number };
  if (typeof message !== 'string') return null;
  for (const group of groups) {
    const counter = group.counters.find(({ column }) =>
      errno === OUT_OF_RANGE ? isTakenFrom(message, group, column) : failsCheck(message, group.target, column),
    );
    if (!counter) continue;
    return new CounterError(
      'COUNTER_UNDERFLOW',
      `The change would make ${counter.name} negative: rows were written past the counters. Verify to find the ${group.target.className}, recount it, then try again.`,
      { cause: error },
    );
  }
  return null;
}

function isTakenFrom(message: string, { target }: CounterGroup, column: string): boolean {
  return message.includes(`\`${target.tableName}\`.\`${column}\` `);
}

/** Tells whether a message is of a CHECK that says, of this column alone, that it is not negative. */
function failsCheck(message: string, target: EntityMetadata, column: string): boolean {
  const failed = CHECK_FAILED.exec(message)
    ?.slice(1)
    .find(part => part !== undefined);
  if (failed === undefined) return false;
  const declared = target.checks.find(({ name }) => name === failed)?.expression;
  const expression = (typeof declared === 'string' ? declared : failed).replace(/[`"[\]()\s]/g, '');
  return expression === `${column}>=0`;
}
