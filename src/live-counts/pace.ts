/** Says when to look at the database, and what time it is. */
export interface Pace {
  /** Comes back after so many milliseconds, or as soon as it is told to end. */
  readonly pause: (milliseconds: number, end: AbortSignal) => Promise<void>;
  /** Gives the time, in milliseconds since 1970. */
  readonly now: () => number;
  /** Gives milliseconds since some moment, by which to tell how long something takes: nobody sets them. */
  readonly elapsed: () => number;
}

/** Is the pace of a server: the clock's. */
export const clock: Pace = {
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
