import type { TimeLimit } from '../time-limits/time-limit.js';
import { WaitingLine, type WaitRule } from './waiting-line.js';

/** Gives a place back; a second call does nothing. */
export type Release = () => void;

/** The rule for one purpose: how many places are reserved for it, and how long its callers wait. */
interface PlaceRule extends WaitRule {
  readonly kept: number;
}

/** The rules for each purpose. */
export type PlaceRules<For extends string> = Readonly<Record<For, PlaceRule>>;

/** The callers that take places for one purpose. */
interface Takers {
  readonly kept: number;
  readonly line: WaitingLine;
  taken: number;
}

/**
 * The places that a pool has for connections. Some are reserved for each purpose, so that work that waits for locks
 * leaves room for readers, slow readers leave room for changes, and neither makes the database look as if it did not
 * answer. The other places go to whatever has waited longest.
 */
export class Places<For extends string> {
  readonly #takers: ReadonlyMap<For, Takers>;

  constructor(
    readonly most: number,
    rules: PlaceRules<For>,
  ) {
    const all = Object.entries<PlaceRule>(rules) as [For, PlaceRule][];
    // A small pool may not have enough places to reserve some for each.
    const fits = all.reduce((sum, [, { kept }]) => sum + kept, 0) < most;
    this.#takers = new Map(
      all.map(([name, rule]) => [
        name,
        { kept: fits ? rule.kept : 0, line: new WaitingLine('connection', rule), taken: 0 },
      ]),
    );
  }

  get taken(): number {
    return this.#sum(({ taken }) => taken);
  }

  get waiting(): number {
    return this.#sum(({ line }) => line.length);
  }

  /** Takes a place, as soon as there is one for the purpose. Errors: those of WaitingLine.wait(). */
  async take(what: For, limit: TimeLimit | undefined): Promise<Release> {
    limit?.check();
    const takers = this.#takers.get(what)!;
    if (takers.line.length === 0 && this.#isFree(takers)) takers.taken += 1;
    else await takers.line.wait(limit);
    let given = false;
    return () => {
      if (given) return;
      given = true;
      takers.taken -= 1;
      this.#giveOn();
    };
  }

  /** Returns true if a place is left beside those that are reserved for the others. */
  #isFree(takers: Takers): boolean {
    const keptForOthers = this.#sum(other => (other === takers ? 0 : Math.max(0, other.kept - other.taken)));
    return this.taken + keptForOthers < this.most;
  }

  /** Gives free places to the callers that have waited longest among those for which there is one. */
  #giveOn(): void {
    for (;;) {
      const [next] = [...this.#takers.values()]
        .filter(takers => takers.line.length > 0 && this.#isFree(takers))
        .toSorted((one, other) => one.line.first! - other.line.first!);
      if (next === undefined) return;
      next.taken += 1;
      next.line.giveOn();
    }
  }

  #sum(of: (takers: Takers) => number): number {
    let sum = 0;
    for (const takers of this.#takers.values()) sum += of(takers);
    return sum;
  }
}
