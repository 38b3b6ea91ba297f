import { AsyncLocalStorage } from 'node:async_hooks';

/** The call on whose behalf MikroORM's driver writes. Without one, the driver or a query builder was called directly. */
interface WriteScope {
  /** True where the engine counts what is written: in a statement of a flush or of a bulk write, and not around it. */
  readonly counted: boolean;
  /** True where the written rows are given by their keys. */
  readonly byKeys?: boolean;
  /** The method that was called, for errors: `em.nativeDelete()`. */
  readonly method?: string;
  readonly replacement?: Replacement;
}

/** A method of MikroORM's driver that writes all rows that a condition matches. */
export type ConditionalWrite = 'nativeUpdate' | 'nativeDelete';

/** What is done instead of the driver's method when MikroORM calls it for an entity, with what MikroORM made of a condition. */
export interface Replacement {
  readonly entity: unknown;
  readonly method: ConditionalWrite;
  readonly write: (original: Write, parameters: readonly unknown[]) => Promise<unknown>;
}

type Write = (...parameters: unknown[]) => unknown;

const scopes = new AsyncLocalStorage<WriteScope>();

/**
 * Runs work whose writes the engine counts, so that no guard refuses them. The work is no more than the statements
 * themselves: whatever an application does in it, in a hook or a function of its own, would pass too.
 */
export function counted<Result>(work: () => Result): Result {
  return scopes.run({ counted: true }, work);
}

/** The same, where the written rows are given by their keys. */
export function countedByKeys<Result>(work: () => Result): Result {
  return scopes.run({ counted: true, byKeys: true }, work);
}

/** Runs work whose writes nobody counts, under the name of the method that was called. */
export function uncounted<Result>(method: string | undefined, work: () => Result): Result {
  return scopes.run({ counted: false, method }, work);
}

/**
 * Runs a method of MikroORM's entity manager up to the driver, and there something else: so MikroORM itself applies
 * filters and options.
 */
export function replaced<Result>(replacement: Replacement, work: () => Result): Result {
  return scopes.run({ counted: false, replacement }, work);
}

/** Returns what to do instead of a method of the driver for an entity. */
export function replacementOf(method: string, entity: unknown): Replacement | undefined {
  const replacement = scopes.getStore()?.replacement;
  return replacement?.method === method && replacement.entity === entity ? replacement : undefined;
}

/** Returns true where the engine counts what is written now. */
export function isCounted(): boolean {
  return scopes.getStore()?.counted === true;
}

/** Returns true where the engine counts what is written now, and gives the rows by their keys. */
export function isByKeys(): boolean {
  return scopes.getStore()?.byKeys === true;
}

/** Returns the name of the method that was called, or `fallback` where none is known. */
export function calledMethod(fallback: string): string {
  return scopes.getStore()?.method ?? fallback;
}
