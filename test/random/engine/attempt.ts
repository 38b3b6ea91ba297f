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
 * The errors of the drivers, where MikroORM passes them on, by their numbers or SQLSTATE:
 * https://www.sqlite.org/rescode.html, MySQL's numbers, and https://www.postgresql.org/docs/current/errcodes-appendix.html.
 */
const codes: Record<string, string> = {
  1555: 'UNIQUE',
  2067: 'UNIQUE',
  1062: 'UNIQUE',
  23505: 'UNIQUE',
  787: 'FOREIGN_KEY',
  1451: 'FOREIGN_KEY',
  1452: 'FOREIGN_KEY',
  23503: 'FOREIGN_KEY',
  // An INSERT that would update a row twice.
  21000: 'TWICE',
  // A statement in a transaction that the database has given up.
  '25P02': 'ABORTED',
};

/** Returns a short stable name of an error; an unexpected error is returned in full. */
export function codeOf(error: unknown): string {
  if (error instanceof CounterError) return error.code;
  if (error instanceof UniqueConstraintViolationException) return 'UNIQUE';
  if (error instanceof ForeignKeyConstraintViolationException) return 'FOREIGN_KEY';
  if (error instanceof NotNullConstraintViolationException) return 'NOT_NULL';
  if (error instanceof ValidationError && error.message.includes(' is required, ')) return 'REQUIRED';
  const { errcode, errno, code } = (error ?? {}) as { errcode?: number; errno?: number; code?: string };
  return codes[errcode ?? errno ?? code ?? ''] ?? String(error);
}

/**
 * Does work that may flush, or a write with an expectation of its own, and compares the outcome with the expectation.
 *
 * Returns whether it was done. After a rejection the writer forgets everything, as MikroORM requires, and nothing of
 * the write may remain. The rules say whether its transaction can go on, as it can after a write that has a savepoint of
 * its own.
 */
export async function attempt(
  { run, em, level }: ActionContext,
  write: () => Promise<unknown>,
  own?: Expectation,
  hasSavepoint = false,
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
    if (!em.isInTransaction() || (hasSavepoint && !flush)) return false;
    const by = run.rules.breakage(code, flush);
    level.broken = by && { code, em, by };
    if (!level.broken && flush && code !== 'COUNTER_ASSIGNED') await run.adoptCourses(em);
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
