import type { TimeLimit } from '../time-limits/time-limit.js';
import { WaitQueue, type WaitRule } from './wait-queue.js';

/** Returns a slot; a second call does nothing. */
export type Release = () => void;

/** The rule for one purpose: how many slots are reserved for it, and how long its callers wait. */
interface SlotRule extends WaitRule {
  readonly kept: number;
}

/** The rules for each purpose. */
export type SlotRules<For extends string> = Readonly<Record<For, SlotRule>>;

/** The callers that take slots for one purpose. */
interface Takers {
  readonly kept: number;
  readonly queue: WaitQueue;
  taken: number;
}

/**
 * The slots that a pool has for connections. Some are reserved for each purpose, so that work that waits for locks
 * leaves room for readers, slow readers leave room for changes, and neither makes the database look as if it did not
 * answer. The other slots go to the caller that has waited longest.
 */
export class ConnectionSlots<For extends string> {
  readonly #takers: ReadonlyMap<For, Takers>;

  constructor(
    readonly most: number,
    rules: SlotRules<For>,
  ) {
    const all = Object.entries<SlotRule>(rules) as [For, SlotRule][];
    // A small pool may not have enough slots to reserve some for each.
    const fits = all.reduce((sum, [, { kept }]) => sum + kept, 0) < most;
    this.#takers = new Map(
      all.map(([name, rule]) => [
        name,
        { kept: fits ? rule.kept : 0, queue: new WaitQueue('connection', rule), taken: 0 },
      ]),
    );
  }

  get taken(): number {
    return this.#sum(({ taken }) => taken);
  }

  get waiting(): number {
    return this.#sum(({ queue }) => queue.length);
  }

  /** Takes a slot as soon as there is one for the purpose. Errors: those of WaitQueue.wait(). */
  async take(what: For, limit: TimeLimit | undefined): Promise<Release> {
    limit?.check();
    const takers = this.#takers.get(what)!;
    if (takers.queue.length === 0 && this.#isFree(takers)) takers.taken += 1;
    else await takers.queue.wait(limit);
    let given = false;
    return () => {
      if (given) return;
      given = true;
      takers.taken -= 1;
      this.#admitNext();
    };
  }

  /** Returns true if a slot is left apart from those that are reserved for other purposes. */
  #isFree(takers: Takers): boolean {
    const keptForOthers = this.#sum(other => (other === takers ? 0 : Math.max(0, other.kept - other.taken)));
    return this.taken + keptForOthers < this.most;
  }

  /** Assigns free slots to the callers that have waited longest among those for whose purpose there is one. */
  #admitNext(): void {
    for (;;) {
      // In a loop, because this is done for each statement.
      let next: Takers | undefined;
      for (const takers of this.#takers.values())
        if (takers.queue.length > 0 && this.#isFree(takers) && !(next && next.queue.first! <= takers.queue.first!))
          next = takers;
      if (next === undefined) return;
      next.taken += 1;
      next.queue.admitNext();
    }
  }

  #sum(of: (takers: Takers) => number): number {
    let sum = 0;
    for (const takers of this.#takers.values()) sum += of(takers);
    return sum;
  }
}
