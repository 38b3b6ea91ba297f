import type { TimeLimit } from '../database/time-limits/time-limit.js';

/**
 * Returns the message for work that was stopped before anything was changed; without a limit, the database stopped it.
 */
export function timeoutMessage(limit: TimeLimit | undefined): string {
  const what = limit
    ? `The request took longer than ${limit.seconds} s (REQUEST_TIMEOUT), so the work was stopped.`
    : 'The database stopped the work before it was done.';
  return `${what} Nothing was changed. Ask for less at once, or try again later.`;
}
