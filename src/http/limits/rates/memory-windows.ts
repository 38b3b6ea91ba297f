import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { Allowance } from '../../../config/config-values.js';
import { giveBackTo, takeFrom, type WindowState, type Windows } from './windows.js';

/**
 * The most clients whose windows are kept in memory, so that a flood from many addresses does not exhaust it; measured
 * at 54 MB.
 */
export const MAX_CLIENTS = 100_000;

/**
 * Rate windows in the memory of this process. Those of the most recent clients are kept; the oldest is removed first.
 */
export class MemoryWindows implements Windows {
  readonly #limiter: RateLimiterMemory;
  /** A ring buffer of clients in the order in which their windows began: the next one replaces the first. */
  readonly #ring: string[] = [];
  #next = 0;
  /** The place of each client's latest window in the ring buffer. */
  readonly #places = new Map<string, number>();

  constructor(
    { points, seconds }: Allowance,
    private readonly maxClients = MAX_CLIENTS,
  ) {
    this.#limiter = new RateLimiterMemory({ points, duration: seconds });
  }

  async take(client: string, points: number): Promise<WindowState> {
    const taken = await takeFrom(this.#limiter, client, points);
    if (taken.isFirst) await this.#remember(client);
    return taken;
  }

  async giveBack(client: string, points: number): Promise<WindowState | null> {
    // A window that has been removed since starts again with all its points.
    if (!(await this.#limiter.get(client))) return null;
    return giveBackTo(this.#limiter, client, points);
  }

  /** The number of clients whose windows are kept. */
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
    // If the client's window has ended and begun again, the new one is kept.
    if (isLatest && first !== client) await this.#limiter.delete(first);
  }
}
