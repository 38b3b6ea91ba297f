import type { TimeLimit } from '../time-limits/time-limit.js';
import { WaitingLine, type WaitRule } from './waiting-line.js';

/** Gives a place back; a second call does nothing. */
export type Release = () => void;

/** Rules for those who take places for one thing: how many are kept for them, and how long they wait. */
export interface PlaceRule extends WaitRule {
  readonly kept: number;
}

/** The rules for each thing that places are taken for. */
export type PlaceRules<For extends string> = Readonly<Record<For, PlaceRule>>;

/** Those who take places for one thing. */
interface Takers {
  readonly kept: number;
  readonly line: WaitingLine;
  taken: number;
}

/**
 * The places that a pool has for connections. Some are kept for each thing that they are taken for, so that those who
 * wait for locks leave room for readers, slow readers leave room for changes, and neither makes the database look as if
 * it did not answer. The other places go to those who have waited longest.
 */
export class Places<For extends string> {
  readonly #takers: ReadonlyMap<For, Takers>;

  constructor(
    readonly most: number,
    rules: PlaceRules<For>,
  ) {
    const all = Object.entries<PlaceRule>(rules) as [For, PlaceRule][];
    // A pool may be so small that not all can have what is kept for them in a larger one.
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

  /** Takes a place, as soon as there is one for that. Errors: those of WaitingLine.wait(). */
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

  /** Returns true where a place is left beside those that are kept for the others. */
  #isFree(takers: Takers): boolean {
    const keptForOthers = this.#sum(other => (other === takers ? 0 : Math.max(0, other.kept - other.taken)));
    return this.taken + keptForOthers < this.most;
  }

  /** Gives free places to those who have waited longest among those for whom there is one. */
  #giveOn(): void {
    for (;;) {
      const [next] = [...this.#takers.values()]
        .filter(takers => takers.line.length > 0 && this.#isFree(takers))
        .sort((one, other) => one.line.first! - other.line.first!);
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
