import { AsyncLocalStorage } from 'node:async_hooks';
import { DriverException } from '@mikro-orm/core';

/** The reasons why work is stopped: its time is over, or nobody waits for it any more. */
export type StopReason = 'deadline' | 'client_gone';

/** Work that was stopped before it was done; one of MikroORM's errors, so that MikroORM passes it on unchanged. */
export class WorkStopped extends DriverException {
  constructor(
    readonly reason: StopReason,
    readonly limit: TimeLimit,
  ) {
    super(
      new Error(
        reason === 'deadline'
          ? `The work took longer than ${limit.seconds} s.`
          : 'The client disconnected before it was answered.',
      ),
    );
  }
}

/** The fraction of its time that a request keeps for its work; it stops waiting for its turn before that. */
const WORK_SHARE = 0.25;

/**
 * The time that one request has. When it is over, or the client has disconnected, `signal` is aborted with WorkStopped.
 */
export class TimeLimit {
  /** Made when somebody asks for the signal, which most work does not. */
  #stopping: AbortController | undefined;
  #stopped: WorkStopped | null = null;
  readonly #listeners = new Set<(error: WorkStopped) => void>();
  readonly #end: number;
  readonly #timer: NodeJS.Timeout;
  #maySave = false;

  constructor(readonly seconds: number) {
    this.#end = performance.now() + seconds * 1000;
    this.#timer = setTimeout(() => this.stop('deadline'), seconds * 1000).unref();
  }

  get signal(): AbortSignal {
    if (!this.#stopping) {
      this.#stopping = new AbortController();
      if (this.#stopped) this.#stopping.abort(this.#stopped);
    }
    return this.#stopping.signal;
  }

  get reason(): StopReason | null {
    return this.#stopped?.reason ?? null;
  }

  /** Calls a function once when the work is stopped; at once if it is already. */
  onStop(listener: (error: WorkStopped) => void): void {
    if (this.#stopped) listener(this.#stopped);
    else this.#listeners.add(listener);
  }

  /** Ends that. */
  offStop(listener: (error: WorkStopped) => void): void {
    this.#listeners.delete(listener);
  }

  get millisecondsLeft(): number {
    return Math.max(0, this.#end - performance.now());
  }

  /**
   * The latest moment to begin work, by performance.now(): work that begins later would be stopped before it is done,
   * and keep others waiting in vain. A read for the answer to a saved change begins nevertheless.
   */
  get lastStart(): number {
    return this.#maySave ? Infinity : this.#end - this.seconds * 1000 * WORK_SHARE;
  }

  /**
   * True once a change was saved within this limit, or may have been: then no answer may say that nothing was changed.
   */
  get maySave(): boolean {
    return this.#maySave;
  }

  /** Records that a commit took place, or may have. */
  noteCommit(): void {
    this.#maySave = true;
  }

  /** The refusal of a wait in this process that was caused by the end of the time. */
  refusal: Error | undefined;

  /**
   * Throws WorkStopped if the work must stop; it also reads the clock, because a timer is late when the event loop was
   * busy.
   */
  check(): void {
    if (this.millisecondsLeft === 0) this.stop('deadline');
    if (this.#stopped) throw this.#stopped;
  }

  /** Stops the work; only the first reason counts. */
  stop(reason: StopReason): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    const error = (this.#stopped = new WorkStopped(reason, this));
    this.#stopping?.abort(error);
    for (const listener of this.#listeners) listener(error);
    this.#listeners.clear();
  }

  /** Ends the limit of work that is done. */
  end(): void {
    clearTimeout(this.#timer);
  }
}

const limits = new AsyncLocalStorage<TimeLimit | undefined>();

/**
 * Runs work within a limit: every statement that it sends through this process's connections ends when the limit does.
 *
 * The limit is not a parameter, because every statement must obey it, and those of MikroORM, of the counters and of the
 * beginning of a transaction accept no such parameter.
 */
export function withinLimit<Result>(limit: TimeLimit, work: () => Result): Result {
  return limits.run(limit, work);
}

/**
 * Runs work within a limit of its own, in seconds, instead of the current one; the work also stops when its client
 * disconnects.
 */
export async function withinOwnLimit<Result>(
  seconds: number,
  work: () => Promise<Result>,
  gone?: AbortSignal,
): Promise<Result> {
  const limit = new TimeLimit(seconds);
  const leave = (): void => limit.stop('client_gone');
  if (gone?.aborted) leave();
  gone?.addEventListener('abort', leave);
  try {
    return await withinLimit(limit, work);
  } finally {
    gone?.removeEventListener('abort', leave);
    limit.end();
  }
}

/** Runs work that continues after the request that began it: recount runs, and polls for all subscriptions. */
export function withoutLimit<Result>(work: () => Result): Result {
  return limits.run(undefined, work);
}

/** Returns the limit of the calling work; undefined if it has none. */
export function currentLimit(): TimeLimit | undefined {
  return limits.getStore();
}

/**
 * Returns the result of work, or throws WorkStopped as soon as the current limit stops it; the work itself is not
 * interrupted.
 */
export function unlessStopped<Result>(work: Promise<Result>, limit = currentLimit()): Promise<Result> {
  if (!limit) return work;
  return new Promise((resolve, reject) => {
    limit.onStop(reject);
    // A stop, or the end of work, for which nobody waits any more is not an unhandled error.
    work.then(
      result => {
        limit.offStop(reject);
        resolve(result);
      },
      (error: unknown) => {
        limit.offStop(reject);
        reject(error);
      },
    );
  });
}
