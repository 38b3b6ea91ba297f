import type { TimeLimit } from './time-limit.js';

/** Gives a place back; a second call does nothing. */
export type Release = () => void;

/** The places that a pool has for connections: they are given in the order in which they were asked for. */
export class Places {
  readonly #queue = new Set<() => void>();
  #taken = 0;

  constructor(readonly most: number) {}

  get taken(): number {
    return this.#taken;
  }

  get waiting(): number {
    return this.#queue.size;
  }

  /** Takes a place, as soon as there is one. Errors: WorkStopped where the limit ends before that; then it has left the queue. */
  async take(limit: TimeLimit | undefined): Promise<Release> {
    limit?.check();
    if (this.#taken < this.most) this.#taken += 1;
    else await this.#turn(limit);
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.#giveOn();
    };
  }

  #turn(limit: TimeLimit | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#queue.delete(go);
        reject(limit!.signal.reason as Error);
      };
      const go = (): void => {
        limit?.signal.removeEventListener('abort', leave);
        resolve();
      };
      this.#queue.add(go);
      limit?.signal.addEventListener('abort', leave, { once: true });
    });
  }

  /** Gives a place to who has waited longest; its number stays taken. */
  #giveOn(): void {
    const [next] = this.#queue;
    if (!next) {
      this.#taken -= 1;
      return;
    }
    this.#queue.delete(next);
    next();
  }
}
