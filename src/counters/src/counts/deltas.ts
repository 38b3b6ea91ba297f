import { amountIn } from '../declarations/amounts.js';
import type { CounterGroup } from '../declarations/counter-group.js';
import { hashOf, type Key } from '../sql/key.js';
import type { RowState, TargetPointer } from './row-states.js';

/**
 * The amounts to add to one target row: one signed delta for each counter of the group, in their order and in the units
 * of their columns.
 */
export interface TargetDelta {
  readonly group: CounterGroup;
  readonly target: TargetPointer;
  readonly amounts: bigint[];
}

/** The amounts to add to a target row that exists. */
export interface KeyedDelta extends TargetDelta {
  readonly target: { readonly key: Key };
}

/** The sum of the deltas of many row changes, so that each target row is written once. */
export class Tally {
  readonly #deltas = new Map<CounterGroup, Map<unknown, TargetDelta>>();

  /** Adds the effect of one row that goes from `before` to `after`; null stands for a row that does not exist. */
  change(groups: readonly CounterGroup[], before: RowState | null, after: RowState | null): void {
    for (const group of groups) {
      this.#row(group, before, -1n);
      this.#row(group, after, 1n);
    }
  }

  /** Adds amounts that were summed before. */
  add({ group, target, amounts }: TargetDelta): void {
    this.#at(group, target).amounts.forEach((_, index, mine) => (mine[index]! += amounts[index]!));
  }

  /** Returns the targets whose counts change, without those whose deltas cancel out. */
  deltas(): TargetDelta[] {
    return [...this.#deltas.values()]
      .flatMap(targets => [...targets.values()])
      .filter(delta => delta.amounts.some(amount => amount !== 0n));
  }

  #row(group: CounterGroup, state: RowState | null, sign: bigint): void {
    const target = state?.targets[group.slot];
    if (!state || !target) return;
    const delta = this.#at(group, target);
    group.counters.forEach((counter, index) => {
      delta.amounts[index]! += sign * amountIn(counter, state.values);
    });
  }

  #at(group: CounterGroup, target: TargetPointer): TargetDelta {
    const targets = this.#deltas.get(group) ?? new Map<unknown, TargetDelta>();
    this.#deltas.set(group, targets);
    const identity = identityOf(target);
    const delta = targets.get(identity) ?? { group, target, amounts: group.counters.map(() => 0n) };
    targets.set(identity, delta);
    return delta;
  }
}

/** Returns a value that is equal for two pointers at the same target row of one table. */
function identityOf(target: TargetPointer): unknown {
  return 'key' in target ? hashOf(target.key) : target.created;
}
