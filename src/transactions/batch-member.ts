import type { Key } from '../entities/index.js';
import type { Release } from '../database/connections/connection-slots.js';
import type { TimeLimit } from '../database/time-limits/time-limit.js';

/** What is determined for a transaction before it takes a connection. */
export interface Prepared {
  /** The ids of the courses that it will lock, whose turns it takes first (see course-queues.ts). */
  readonly courses: readonly Key[];
}

/** What one change of a batch came to: its result, or the error that its caller is told. */
export type Settled<Result> = { readonly result: Result } | { readonly error: unknown };

/** Returns the result of a change. Errors: the one that its caller is told. */
export function resultOf<Result>(settled: Settled<Result>): Result {
  if ('error' in settled) throw settled.error;
  return settled.result;
}

/**
 * A change that another transaction may make too: one that waits for the turn of its courses, or one that has it and is
 * about to begin. It keeps its own caller, time limit and outcome: nothing of that is shared within a batch.
 */
export class BatchMember<Result = unknown> {
  readonly #outcome = Promise.withResolvers<Result>();

  /**
   * Changes of one `kind` are made by the same work. `noteCommit` is called at the last moment at which the change can
   * be left out.
   */
  constructor(
    readonly kind: object,
    readonly change: Prepared,
    private readonly limit: TimeLimit | undefined,
    readonly noteCommit: () => void,
  ) {
    // A caller whose time is over no longer waits for it.
    this.#outcome.promise.catch(() => undefined);
  }

  /** Passes the turn of its courses on, if it has it: the transaction that makes it has their locks. */
  passOn: Release = () => undefined;

  /** The outcome of the transaction that took this change along. */
  get outcome(): Promise<Result> {
    return this.#outcome.promise;
  }

  /** Returns true if the caller waits no longer, so that nothing of it may be saved. */
  get hasLeft(): boolean {
    if (this.limit?.millisecondsLeft === 0) this.limit.stop('deadline');
    return this.limit?.signal.aborted === true;
  }

  settle(settled: Settled<Result>): void {
    if ('error' in settled) this.fail(settled.error);
    else this.#outcome.resolve(settled.result);
  }

  fail(error: unknown): void {
    this.#outcome.reject(error);
  }
}

/**
 * The end of a batch in which nothing was saved, because of one of its changes, or because a caller left: each of the
 * others is made in a transaction of its own.
 */
export class BatchBroken extends Error {
  constructor(cause: unknown) {
    super('A batch of changes was given up, and nothing of it was saved.', { cause });
  }
}

/**
 * The end of a change in a batch that did not get the locks of its courses at once: it is made in a transaction of its
 * own, which waits for them, while the others do not.
 */
export class LeftOut extends Error {
  constructor() {
    super('A change was left out of a batch, because its courses are locked.');
  }
}
