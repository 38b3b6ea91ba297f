import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { Allowance } from '../../../config/config-values.js';
import { RecentClients } from './recent-clients.js';
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
  readonly #recent: RecentClients;

  constructor({ points, seconds }: Allowance, maxClients = MAX_CLIENTS) {
    this.#recent = new RecentClients(maxClients);
    this.#limiter = new RateLimiterMemory({ points, duration: seconds });
  }

  async take(client: string, points: number): Promise<WindowState> {
    const taken = await takeFrom(this.#limiter, client, points);
    const oldest = taken.isFirst ? this.#recent.add(client) : null;
    if (oldest !== null) await this.#limiter.delete(oldest);
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
}
