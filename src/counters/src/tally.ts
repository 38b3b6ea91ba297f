import { meets, type Values } from './condition.js';
import type { CounterGroup } from './registry.js';
import { hashOf, type Key } from './key.js';

/** Points at a target row: by its key, or by the new entity that the same flush inserts. */
export type TargetPointer = { readonly key: Key } | { readonly created: object };

/**
 * Describes one counted row for one moment: its condition values, and its target for each foreign key (null: counts
 * nothing).
 */
export interface RowState {
  readonly values: Values;
  readonly targets: Readonly<Record<string, TargetPointer | null>>;
}

/** Holds what is to be added to one target row: one signed delta for each counter of the group, in their order. */
export interface TargetDelta {
  readonly group: CounterGroup;
  readonly target: TargetPointer;
  readonly amounts: number[];
}

/** Sums the deltas of many row changes, so that each target row is written once. */
export class Tally {
  readonly #deltas = new Map<CounterGroup, Map<unknown, TargetDelta>>();

  /** Adds the effect of one row that goes from `before` to `after`; null stands for a row that is not there. */
  change(groups: readonly CounterGroup[], before: RowState | null, after: RowState | null): void {
    for (const group of groups) {
      this.#row(group, before, -1);
      this.#row(group, after, +1);
    }
  }

  /** Adds `amount` rows with the same values and target at once. */
  rows(group: CounterGroup, state: RowState, amount: number): void {
    this.#row(group, state, amount);
  }

  /** Gives the targets whose counts change; those whose deltas cancel out are left out. */
  deltas(): TargetDelta[] {
    return [...this.#deltas.values()]
      .flatMap(targets => [...targets.values()])
      .filter(delta => delta.amounts.some(amount => amount !== 0));
  }

  #row(group: CounterGroup, state: RowState | null, amount: number): void {
    const target = state?.targets[group.by];
    if (!state || !target) return;
    const targets = this.#deltas.get(group) ?? new Map<unknown, TargetDelta>();
    this.#deltas.set(group, targets);
    const identity = identityOf(target);
    const delta = targets.get(identity) ?? { group, target, amounts: group.counters.map(() => 0) };
    targets.set(identity, delta);
    group.counters.forEach((counter, index) => {
      if (meets(counter.comparisons, state.values)) delta.amounts[index]! += amount;
    });
  }
}

/** Gives a value that is equal for two pointers at the same target row of one table. */
export function identityOf(target: TargetPointer): unknown {
  return 'key' in target ? hashOf(target.key) : target.created;
}
