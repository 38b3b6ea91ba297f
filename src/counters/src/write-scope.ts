import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * Says on whose behalf MikroORM's driver is writing; without one, somebody has called the driver or a query builder
 * directly.
 */
interface WriteScope {
  /** Tells that the engine counts what is written: a flush, or a bulk write of its own. */
  readonly counted: boolean;
  /** Names the method that was called, for errors: `em.nativeDelete()`. */
  readonly way?: string;
}

const scopes = new AsyncLocalStorage<WriteScope>();

/** Runs work whose writes the engine counts, so that no guard refuses them. */
export function counted<Result>(work: () => Result): Result {
  return scopes.run({ counted: true }, work);
}

/**
 * Runs work whose writes nobody counts, in the name of a method that its caller knows; in a hook too, while a flush
 * goes on.
 */
export function uncounted<Result>(way: string | undefined, work: () => Result): Result {
  return scopes.run({ counted: false, way }, work);
}

/** Tells whether what is written now is counted by the engine. */
export function isCounted(): boolean {
  return scopes.getStore()?.counted === true;
}

/** Gives the method in whose name is written now, or else the one that is given. */
export function wayOr(way: string): string {
  return scopes.getStore()?.way ?? way;
}
