/** The time of a server, and its pauses. Tests replace it, so that they need not wait. */
export interface Clock {
  /** Resolves after a time in milliseconds, or as soon as the signal is aborted. */
  readonly pause: (milliseconds: number, end: AbortSignal) => Promise<void>;
  /** Returns the time, in milliseconds since 1970. */
  readonly now: () => number;
  /** Returns the milliseconds since an arbitrary moment, for measuring durations: nobody can set this clock. */
  readonly elapsed: () => number;
}

/** The clock of the operating system. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  pause: (milliseconds, end) =>
    new Promise(resolve => {
      if (end.aborted) return resolve();
      const over = (): void => {
        clearTimeout(timer);
        end.removeEventListener('abort', over);
        resolve();
      };
      // It must not keep a process alive that has nothing else to do.
      const timer = setTimeout(over, milliseconds).unref();
      end.addEventListener('abort', over);
    }),
};
