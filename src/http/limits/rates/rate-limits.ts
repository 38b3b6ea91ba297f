import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import type { Config } from '../../../config/config.js';
import type { Allowance } from '../../../config/config-values.js';
import type { Viewer } from '../../../access/viewer.js';
import { MemoryWindows } from './memory-windows.js';
import type { RemoteRateLimits } from './remote-rate-limits.js';
import type { WindowState, Windows } from './windows.js';

/** The rate limits: of an address, for requests without a valid token, and of a viewer. */
export const rateLimitNames = ['address', 'viewer'] as const;
export type RateLimitName = (typeof rateLimitNames)[number];

/** The client to whose window a request is charged. */
export interface Payer {
  readonly limit: RateLimitName;
  readonly client: string;
}

/** The state of a payer's window after a charge. */
export interface Standing {
  readonly limit: RateLimitName;
  readonly allowance: Allowance;
  readonly isRefused: boolean;
  /** The points left until the window ends; null if unknown because the process that keeps them cannot be reached. */
  readonly left: number | null;
  /** The time until the next window begins, in whole seconds. */
  readonly resetsIn: number;
  /** The moment at which the next window begins, in milliseconds of performance.now(). */
  readonly resetsAt: number;
}

/**
 * The delay of a refusal, in milliseconds, so that a client that waits for each answer cannot keep the server busy with
 * refusals.
 */
const REFUSAL_DELAY_MS = 1000;
/** The most refusals that are delayed at a time; any more are sent at once. */
const MAX_DELAYED_REFUSALS = 1000;

/** Times of the rate limits that differ from the defaults. */
export interface RateTimes {
  /** Resolves when a client that has used up its points may be told so. */
  readonly hold?: (() => Promise<void>) | undefined;
  /** The longest time that a request waits for Redis, in milliseconds. */
  readonly redisWaitMs?: number | undefined;
}

type RateLimitRules = NonNullable<Config['rateLimits']>;

/**
 * Returns the configured limits, for one of `workers` processes. The client of Redis is loaded only where one is
 * configured, and that of the primary process only in a worker.
 */
export async function newRateLimits(
  rules: RateLimitRules,
  logger: FastifyBaseLogger,
  { hold, redisWaitMs }: RateTimes = {},
  workers = 1,
): Promise<RateLimits> {
  if (rules.redisUrl !== null) {
    const { RedisRateLimits } = await import('./redis.js');
    return new RateLimits(rules, new RedisRateLimits(rules.redisUrl, logger, { maxWaitMs: redisWaitMs }), hold);
  }
  if (workers === 1) return new RateLimits(rules, null, hold);
  const { PrimaryRateLimits } = await import('./primary.js');
  return new RateLimits(rules, new PrimaryRateLimits(workers, logger), hold);
}

/** The limits on the points that each viewer, and each address without one, may use within a window of time. */
export class RateLimits {
  readonly #limits: Readonly<Record<RateLimitName, { readonly allowance: Allowance; readonly windows: Windows }>>;
  readonly #remote: RemoteRateLimits | null;
  readonly #hold: () => Promise<void>;
  #held = 0;
  /** The charges that were refused, by limit. */
  readonly refusals: Record<RateLimitName, number> = { address: 0, viewer: 0 };

  /** Windows that another process keeps, or in memory if `remote` is null. */
  constructor(
    { address, viewer }: Pick<RateLimitRules, RateLimitName>,
    remote: RemoteRateLimits | null,
    hold: () => Promise<void> = () => delay(REFUSAL_DELAY_MS, undefined, { ref: false }),
  ) {
    this.#hold = hold;
    const limit = (name: RateLimitName, allowance: Allowance) => ({
      allowance,
      windows: remote?.windows(name, allowance) ?? new MemoryWindows(allowance),
    });
    this.#limits = { address: limit('address', address), viewer: limit('viewer', viewer) };
    this.#remote = remote;
  }

  /** The state of the process that keeps the windows; null if they are in the memory of this one. */
  get remote(): Pick<RemoteRateLimits, 'isRedis' | 'isReachable' | 'unchecked'> | null {
    return this.#remote;
  }

  /** Connects to the process that keeps the windows, if it is another one. */
  async connect(): Promise<void> {
    await this.#remote?.connect();
  }

  close(): void {
    this.#remote?.close();
  }

  /** Charges a payer a whole number of points; if the payer has none left, it returns after a delay. */
  async charge(payer: Payer, points: number): Promise<Standing> {
    const standing = await this.settle(payer, points);
    if (standing.isRefused) {
      this.refusals[payer.limit] += 1;
      await this.#holdBack();
    }
    return standing;
  }

  /**
   * Charges a payer points for work that is done in any case; if the payer has none left, it returns after a delay.
   */
  async delay(payer: Payer, points: number): Promise<Standing> {
    const standing = await this.settle(payer, points);
    if (standing.isRefused) await this.#holdBack();
    return standing;
  }

  /** Charges a payer points for work that is done already. */
  async settle({ limit, client }: Payer, points: number): Promise<Standing> {
    const { allowance, windows } = this.#limits[limit];
    return standingOf(limit, allowance, await windows.take(client, points));
  }

  /**
   * Gives points back to a payer; `charged` is the standing after they were charged. Points of a window that has ended
   * are not given back.
   */
  async giveBack({ limit, client }: Payer, points: number, charged: Standing): Promise<Standing> {
    const { allowance, windows } = this.#limits[limit];
    if (charged.left === null || performance.now() >= charged.resetsAt) return charged;
    const given = await windows.giveBack(client, points);
    return given ? standingOf(limit, allowance, given) : charged;
  }

  async #holdBack(): Promise<void> {
    if (this.#held >= MAX_DELAYED_REFUSALS) return;
    this.#held += 1;
    await this.#hold().finally(() => (this.#held -= 1));
  }
}

/**
 * Returns a payer's standing after points were taken from a window or given back; `taken` is null if the windows cannot
 * be reached.
 */
function standingOf(limit: RateLimitName, allowance: Allowance, taken: WindowState | null): Standing {
  const resetsIn = taken?.resetsIn ?? 0;
  return {
    limit,
    allowance,
    isRefused: taken?.isRefused ?? false,
    left: taken?.left ?? null,
    resetsIn: Math.ceil(resetsIn / 1000),
    resetsAt: performance.now() + resetsIn,
  };
}

/** Returns who pays for a request: the viewer if there is a valid token, otherwise the address. */
export function payerOf(viewer: Viewer | null, address: string): Payer {
  // Admin tokens that name no user share one window.
  return viewer === null
    ? { limit: 'address', client: address }
    : { limit: 'viewer', client: String(viewer.userId ?? 'admin') };
}
