import { AsyncLocalStorage } from 'node:async_hooks';
import type { TimeLimit } from './time-limit.js';
import { WaitingLine } from './waiting-line.js';

/** Names what a connection is taken for: to read, or anything else outside of a transaction; for a transaction that may write; to see whether the database answers. */
export type Purpose = 'read' | 'transaction' | 'probe';

/** Gives a place back; a second call does nothing. */
export type Release = () => void;

const purposes: readonly Purpose[] = ['read', 'transaction', 'probe'];

const probing = new AsyncLocalStorage<true>();
const changing = new AsyncLocalStorage<true>();

/** Runs work whose statements outside of transactions take places as probes. */
export function asProbe<Result>(work: () => Result): Result {
  return probing.run(true, work);
}

/** Runs work that a change waits for: what it reads outside of a transaction finds room where changes do, however many slow readers there are. */
export function forChange<Result>(work: () => Result): Result {
  return changing.run(true, work);
}

/** Returns true within forChange(). */
export function isForChange(): boolean {
  return changing.getStore() === true;
}

/** Returns what a statement outside of a transaction takes its place for. */
export function purposeOutsideTransactions(): Purpose {
  return probing.getStore() ? 'probe' : 'read';
}

/**
 * The places that a pool has for connections. Each purpose has some kept for it, so that those who wait for locks leave
 * room for readers, slow readers leave room for changes, and neither makes the database look as if it did not answer. The
 * others go to whichever asked first.
 */
export class Places {
  readonly #lines: Readonly<Record<Purpose, WaitingLine>> = { read: new WaitingLine('connection'), transaction: new WaitingLine('connection'), probe: new WaitingLine('connection') };
  readonly #taken: Record<Purpose, number> = { read: 0, transaction: 0, probe: 0 };

  constructor(
    readonly most: number,
    private readonly kept: Readonly<Record<Purpose, number>> = { read: 0, transaction: 0, probe: 0 },
  ) {}

  get taken(): number {
    return purposes.reduce((sum, purpose) => sum + this.#taken[purpose], 0);
  }

  get waiting(): number {
    return purposes.reduce((sum, purpose) => sum + this.#lines[purpose].length, 0);
  }

  /** Takes a place, as soon as there is one for that purpose. Errors: those of WaitingLine.wait(). */
  async take(purpose: Purpose, limit: TimeLimit | undefined): Promise<Release> {
    limit?.check();
    if (this.#lines[purpose].length === 0 && this.#isFree(purpose)) this.#taken[purpose] += 1;
    else await this.#lines[purpose].wait(limit);
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.#taken[purpose] -= 1;
      this.#giveOn();
    };
  }

  /** Returns true where a place is left beside those that are kept for the other purposes. */
  #isFree(purpose: Purpose): boolean {
    const keptForOthers = purposes.reduce((sum, other) => sum + (other === purpose ? 0 : Math.max(0, this.kept[other] - this.#taken[other])), 0);
    return this.taken + keptForOthers < this.most;
  }

  /** Gives free places to those who have waited longest among those for whom there is one. */
  #giveOn(): void {
    for (;;) {
      const [next] = purposes
        .filter(purpose => this.#lines[purpose].length > 0 && this.#isFree(purpose))
        .sort((one, other) => this.#lines[one].first! - this.#lines[other].first!);
      if (next === undefined) return;
      this.#taken[next] += 1;
      this.#lines[next].giveOn();
    }
  }
}
