import { channel } from 'node:diagnostics_channel';
import { CounterError } from './errors.js';
import type { Key } from './key.js';

/** Tells of one UPDATE that added to the stored counts of one target row; its transaction may still be rolled back. */
export interface StoredCountUpdate {
  readonly target: string;
  readonly key: Key;
  readonly changes: readonly { readonly counter: string; readonly amount: number }[];
}

/** Tells of a write that was refused since hooks would not see it; `entity` is what it would have written. */
export interface BypassRefusal {
  readonly entity: string;
  readonly message: string;
}

/**
 * Tells of target rows that one statement has compared with their counted rows; `drifts` counts the stored counts that
 * are wrong.
 */
export interface VerifiedRows {
  readonly target: string;
  readonly checked: number;
  readonly drifts: number;
}

/**
 * Tells of a verify that has reached the end of the table, of all that it checked, and how long it took with what its
 * caller did in between; one that was given keys, or was left early, tells nothing.
 */
export interface FinishedVerify extends VerifiedRows {
  readonly milliseconds: number;
}

/** Tells of the stored counts that recounting one target row has changed; its transaction may still be rolled back. */
export interface RecountedRow {
  readonly target: string;
  readonly key: Key;
  readonly changes: readonly { readonly counter: string; readonly before: number; readonly after: number }[];
}

/** Publishes each StoredCountUpdate, where hooks count; what triggers do is not seen. */
export const storedCountUpdates = channel('counters:stored-count-updated');

/** Publishes each BypassRefusal. */
export const bypassRefusals = channel('counters:bypass-refused');

/** Publishes VerifiedRows for each chunk of each verify. */
export const verifiedRows = channel('counters:verified');

/** Publishes each FinishedVerify. */
export const finishedVerifies = channel('counters:verify-finished');

/** Publishes a RecountedRow for each target row whose stored counts were wrong. */
export const recountedRows = channel('counters:recounted');

/** Gives the error for a write that hooks would not see (COUNTER_BYPASS), and publishes it. */
export function bypassRefused(entity: string, message: string): CounterError {
  if (bypassRefusals.hasSubscribers) bypassRefusals.publish({ entity, message } satisfies BypassRefusal);
  return new CounterError('COUNTER_BYPASS', message);
}
