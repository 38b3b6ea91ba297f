import {
  ForeignKeyConstraintViolationException,
  NotNullConstraintViolationException,
  UniqueConstraintViolationException,
  ValidationError,
} from '@mikro-orm/core';
import { CounterError } from 'mikro-orm-counters';
import type { ActionContext } from './action.js';
import type { Expectation } from './expectation.js';

/**
 * The error numbers of the drivers, where MikroORM passes their errors on: https://www.sqlite.org/rescode.html and
 * MySQL's numbers.
 */
const UNIQUE = [1555, 2067, 1062];
const FOREIGN_KEY = [787, 1451, 1452];

/** Returns a short stable name of an error; an unexpected error is returned in full. */
export function codeOf(error: unknown): string {
  if (error instanceof CounterError) return error.code;
  if (error instanceof UniqueConstraintViolationException) return 'UNIQUE';
  if (error instanceof ForeignKeyConstraintViolationException) return 'FOREIGN_KEY';
  if (error instanceof NotNullConstraintViolationException) return 'NOT_NULL';
  if (error instanceof ValidationError && error.message.includes(' is required, ')) return 'REQUIRED';
  const { errcode, errno } = (error ?? {}) as { errcode?: number; errno?: number };
  if (UNIQUE.includes(errcode ?? errno ?? 0)) return 'UNIQUE';
  if (FOREIGN_KEY.includes(errcode ?? errno ?? 0)) return 'FOREIGN_KEY';
  return String(error);
}

/**
 * Does work that may flush, or a write with an expectation of its own, and compares the outcome with the expectation.
 *
 * Returns whether it was done. After a rejection the writer forgets everything, as MikroORM requires, and nothing of
 * the write may remain. The transaction is broken only if part of the write stays in it.
 */
export async function attempt(
  { run, em, level }: ActionContext,
  write: () => Promise<unknown>,
  own?: Expectation,
): Promise<boolean> {
  const before = run.rows;
  try {
    await write();
  } catch (error) {
    const { flush } = run;
    run.flush = null;
    const code = codeOf(error);
    if (!(flush?.expectation ?? own)?.rejections.includes(code)) throw error;
    run.rows = before;
    run.rejected(code);
    for (const one of level.ems) one.clear();
    if (!flush || !em.isInTransaction() || code === 'COUNTER_ASSIGNED') return false;
    if (run.rules.breaks(flush, code)) level.broken = code;
    else await run.adoptCourses(em);
    return false;
  }
  if (!own) return true;
  if (own.certain) run.addProblem(`this should have been rejected: ${own.rejections.join(' or ')}`);
  run.rows = own.after;
  // Loaded entities know about it only if the write says so.
  run.forgetOvertaken(before);
  return true;
}

/** Flushes, or leaves the changes in memory until something else does. */
export async function flushOrLeave(context: ActionContext, flush: boolean): Promise<void> {
  if (!flush) return;
  context.run.log.append(' and flushes');
  await attempt(context, () => context.em.flush());
}
