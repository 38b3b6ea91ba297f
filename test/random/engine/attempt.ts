import {
  ForeignKeyConstraintViolationException,
  NotNullConstraintViolationException,
  UniqueConstraintViolationException,
  ValidationError,
} from '@mikro-orm/core';
import { CounterError } from 'mikro-orm-counters';
import type { Scene } from './act.js';
import type { Expectation } from './expectation.js';

/**
 * Lists what drivers say themselves, where MikroORM hands their errors on: https://www.sqlite.org/rescode.html and
 * MySQL's numbers.
 */
const UNIQUE = [1555, 2067, 1062];
const FOREIGN_KEY = [787, 1451, 1452];

/** Gives a short stable name for what a write was refused with; for what nobody foretells, all of it. */
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
 * Does what may flush, or a write whose own expectation is given, and holds the answer against what was foretold.
 *
 * Tells whether it was done; after a refusal the writer forgets all, as MikroORM asks, and nothing may be left of the
 * write. Only where part of it stays in the open transaction, as the database has it, is the transaction broken.
 */
export async function attempt(
  { world, em, level }: Scene,
  write: () => Promise<unknown>,
  own?: Expectation,
): Promise<boolean> {
  const before = world.rows;
  try {
    await write();
  } catch (error) {
    const { flush } = world;
    world.flush = null;
    const code = codeOf(error);
    if (!(flush?.expectation ?? own)?.refusals.includes(code)) throw error;
    world.rows = before;
    world.refused(code);
    for (const one of level.ems) one.clear();
    if (!flush || !em.isInTransaction() || code === 'COUNTER_ASSIGNED') return false;
    if (world.rules.breaks(flush, code)) level.broken = code;
    else await world.learnCourses(em);
    return false;
  }
  if (!own) return true;
  if (own.certain) world.complain(`this should have been refused: ${own.refusals.join(' or ')}`);
  world.rows = own.after;
  // What is loaded knows of it only where the write says so.
  world.overtook(before);
  return true;
}

/** Flushes, or leaves the changes in memory until something else does. */
export async function flushOrLeave(scene: Scene, flush: boolean): Promise<void> {
  if (!flush) return;
  scene.world.story.add(' and flushes');
  await attempt(scene, () => scene.em.flush());
}
