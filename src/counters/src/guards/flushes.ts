import { AsyncLocalStorage } from 'node:async_hooks';
import type { UnitOfWork } from '@mikro-orm/core';

const around = new AsyncLocalStorage<readonly UnitOfWork[]>();

/** Runs the flush of a unit of work, which is then around everything that its hooks do. */
export function inFlush<Result>(unitOfWork: UnitOfWork, flush: () => Result): Result {
  return around.run([...flushesAround(), unitOfWork], flush);
}

/** Returns the units of work whose flushes are around what runs now, because it runs in their hooks. */
export function flushesAround(): readonly UnitOfWork[] {
  return around.getStore() ?? [];
}
