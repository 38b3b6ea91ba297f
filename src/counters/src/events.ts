import { channel } from 'node:diagnostics_channel';
import type { CountValue } from './sql/units.js';
import { CounterError } from './errors.js';
import type { Key } from './sql/key.js';

/** An addition to the stored counts of one target row. Its transaction may still be rolled back. */
export interface StoredCountUpdate {
  readonly target: string;
  /** The target's schema, where it is not the connection's own. */
  readonly schema?: string;
  readonly key: Key;
  readonly changes: readonly { readonly counter: string; readonly amount: CountValue }[];
}

/** A write that was refused because hooks would not see it. `entity` names what it would have written. */
export interface BypassRefusal {
  readonly entity: string;
  readonly message: string;
}

/** Target rows that one statement has compared with their counted rows, and how many of the stored counts drift. */
export interface VerifiedRows {
  readonly target: string;
  readonly checked: number;
  readonly drifts: number;
}

/**
 * A verify that has reached the end of the table: everything that it checked, and how long it took, with what its caller
 * did in between. A verify of given keys, or one that was left early, publishes none.
 */
export interface FinishedVerify extends VerifiedRows {
  readonly milliseconds: number;
}

/** The stored counts that the recount of one target row has changed. Its transaction may still be rolled back. */
export interface RecountedRow {
  readonly target: string;
  readonly key: Key;
  readonly changes: readonly { readonly counter: string; readonly before: CountValue; readonly after: CountValue }[];
}

/** The channel of each StoredCountUpdate, where hooks count. What triggers do is not seen. */
export const storedCountUpdates = channel('counters:stored-count-updated');

/** The channel of each BypassRefusal. */
export const bypassRefusals = channel('counters:bypass-refused');

/** The channel of VerifiedRows, one for each chunk of each verify. */
export const verifiedRows = channel('counters:verified');

/** The channel of each FinishedVerify. */
export const finishedVerifies = channel('counters:verify-finished');

/** The channel of RecountedRow, one for each target row whose stored counts were wrong. */
export const recountedRows = channel('counters:recounted');

/** Returns the error for a write that hooks would not see (COUNTER_BYPASS), after publishing it. */
export function bypassRefused(entity: string, message: string): CounterError {
  if (bypassRefusals.hasSubscribers) bypassRefusals.publish({ entity, message } satisfies BypassRefusal);
  return new CounterError('COUNTER_BYPASS', message);
}
