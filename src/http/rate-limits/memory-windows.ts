import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { Allowance } from '../../config-values.js';
import { takeFrom, type Taken, type Windows } from './windows.js';

/** The most clients whose windows are kept in memory, so that a flood from many addresses does not fill it; some 30 MB. */
export const MAX_CLIENTS = 100_000;

/** Windows in the memory of this process. Those of the most recent clients are kept; the one that began first is forgotten first. */
export class MemoryWindows implements Windows {
  readonly #limiter: RateLimiterMemory;
  /** The clients in the order in which their windows began; some windows may have ended. */
  readonly #clients = new Set<string>();

  constructor({ points, seconds }: Allowance, private readonly maxClients = MAX_CLIENTS) {
    this.#limiter = new RateLimiterMemory({ points, duration: seconds });
  }

  async take(client: string, points: number): Promise<Taken> {
    const taken = await takeFrom(this.#limiter, client, points);
    if (taken.isFirst) await this.#remember(client);
    return taken;
  }

  /** How many clients' windows are kept. */
  get size(): number {
    return this.#limiter.dump().storage.length;
  }

  async #remember(client: string): Promise<void> {
    this.#clients.delete(client);
    this.#clients.add(client);
    if (this.#clients.size <= this.maxClients) return;
    const [first] = this.#clients;
    this.#clients.delete(first!);
    await this.#limiter.delete(first!);
  }
}
