import { nameOf, type CountedChange } from './counted-change.js';
import { CounterError } from './errors.js';
import { hashOf, type Key } from './key.js';
import { keyOf } from './row-state.js';

// One row must be one change in a flush, for each change is counted from the row as the database has it before all of
// them. MikroORM loses sight of that after a rollback: entities whose insert was undone keep their keys.

/** Refuses a flush in which two entities stand for the same row (COUNTER_CONFLICT), since each would be counted. */
export function refuseTwins(changes: readonly CountedChange[]): void {
  const seen = new Set<string>();
  for (const change of changes) {
    const identity = identityOf(change, change.key);
    if (seen.has(identity))
      throw conflict(
        change,
        'is changed through two entities at once, one of them left over from a transaction that was rolled back or from another entity manager',
      );
    seen.add(identity);
  }
}

/**
 * Refuses a change of a row that was gone, where the same flush has inserted another row under its key
 * (COUNTER_CONFLICT): SQLite gives the keys of rolled back rows again.
 */
export function refuseReusedKeys(vanished: readonly CountedChange[], changes: readonly CountedChange[]): void {
  const gone = new Set(vanished.map(change => identityOf(change, change.key)));
  const reused = changes.find(
    change => change.kind === 'create' && gone.has(identityOf(change, keyOf(change.changeSet.entity))),
  );
  if (reused) throw conflict(reused, 'was gone, and this flush inserts another row under its key');
}

function identityOf({ counted }: CountedChange, key: Key): string {
  return `${counted.className} ${hashOf(key)}`;
}

function conflict(change: CountedChange, problem: string): CounterError {
  return new CounterError(
    'COUNTER_CONFLICT',
    `${nameOf(change)} ${problem}. Load it again in a new transaction and repeat the change.`,
  );
}
