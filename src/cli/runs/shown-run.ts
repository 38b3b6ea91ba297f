import type { Run } from '../../recounts/index.js';

/** Returns the status of a run as it is printed. */
export function statusOf({ status, interrupted }: Run): string {
  return interrupted ? 'interrupted' : status.toUpperCase();
}

/** Returns a moment in UTC, to the second. */
export function shownMoment(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}
