import pRetry from 'p-retry';

/** The longest time for which a change of the schema is tried while others use the tables, in seconds. */
export const MAX_CONFLICT_SECONDS = 30;

/**
 * Runs a change of the schema, and again, after a random pause, while it conflicts with others that use the tables: a
 * conflict leaves nothing of it. Errors: those of the work; the last conflict if the time is over.
 */
export function besideOthers<Result>(
  work: () => Promise<Result>,
  isConflict: (error: unknown) => boolean,
): Promise<Result> {
  return pRetry(work, {
    retries: Number.POSITIVE_INFINITY,
    minTimeout: 20,
    maxTimeout: 1000,
    factor: 2,
    randomize: true,
    maxRetryTime: MAX_CONFLICT_SECONDS * 1000,
    shouldRetry: ({ error }) => isConflict(error),
  });
}
