import { AsyncLocalStorage } from 'node:async_hooks';
import type { UnitOfWork } from '@mikro-orm/core';

/** A flush under way, and those of the same entity manager that wait for it and run after it. */
export interface FlushAround {
  readonly unitOfWork: UnitOfWork;
}

const around = new AsyncLocalStorage<readonly FlushAround[]>();

/** Runs the flush of a unit of work, which is then around everything that its hooks do. */
export function inFlush<Result>(unitOfWork: UnitOfWork, flush: () => Result): Result {
  return around.run([...flushesAround(), { unitOfWork }], flush);
}

/** Returns the flushes that are around what runs now, because it runs in their hooks. */
export function flushesAround(): readonly FlushAround[] {
  return around.getStore() ?? [];
}
