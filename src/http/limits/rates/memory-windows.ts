import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { Allowance } from '../../../config/config-values.js';
import { giveBackTo, takeFrom, type Taken, type Windows } from './windows.js';

/**
 * The most clients whose windows are kept in memory, so that a flood from many addresses does not fill it; 54 MB, as
 * measured.
 */
export const MAX_CLIENTS = 100_000;

/**
 * Windows in the memory of this process. Those of the most recent clients are kept; the one that began first is
 * forgotten first.
 */
export class MemoryWindows implements Windows {
  readonly #limiter: RateLimiterMemory;
  /** The clients in the order in which their windows began, in a ring: the next one takes the place of the first. */
  readonly #ring: string[] = [];
  #next = 0;
  /** Where in the ring each client's latest window is. */
  readonly #places = new Map<string, number>();

  constructor(
    { points, seconds }: Allowance,
    private readonly maxClients = MAX_CLIENTS,
  ) {
    this.#limiter = new RateLimiterMemory({ points, duration: seconds });
  }

  async take(client: string, points: number): Promise<Taken> {
    const taken = await takeFrom(this.#limiter, client, points);
    if (taken.isFirst) await this.#remember(client);
    return taken;
  }

  async giveBack(client: string, points: number): Promise<Taken | null> {
    // One that was forgotten since begins anew, with all its points.
    if (!(await this.#limiter.get(client))) return null;
    return giveBackTo(this.#limiter, client, points);
  }

  /** How many clients' windows are kept. */
  get size(): number {
    return this.#limiter.dump().storage.length;
  }

  async #remember(client: string): Promise<void> {
    const place = this.#next;
    this.#next = (place + 1) % this.maxClients;
    const first = this.#ring[place];
    this.#ring[place] = client;
    const isLatest = first !== undefined && this.#places.get(first) === place;
    if (isLatest) this.#places.delete(first);
    this.#places.set(client, place);
    // A client whose window has ended and begun again keeps the new one.
    if (isLatest && first !== client) await this.#limiter.delete(first);
  }
}
