import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import type { Config } from '../../../config/config.js';
import type { Allowance } from '../../../config/config-values.js';
import type { Viewer } from '../../../access/viewer.js';
import { MemoryWindows } from './memory-windows.js';
import { MAX_WAIT_MS, RedisRateLimits } from './redis.js';
import type { Taken, Windows } from './windows.js';

/** The limits: of an address, for requests of nobody who is signed in, and of a viewer. */
export const rateLimitNames = ['address', 'viewer'] as const;
export type RateLimitName = (typeof rateLimitNames)[number];

/** Whose window a request is charged to. */
export interface Payer {
  readonly limit: RateLimitName;
  readonly client: string;
}

/** How a payer stands after a charge. */
export interface Standing {
  readonly limit: RateLimitName;
  readonly allowance: Allowance;
  readonly isRefused: boolean;
  /** What is left until the window ends, in points; null: it is not known, since Redis cannot be reached. */
  readonly left: number | null;
  /** How long until the next window begins, in whole seconds. */
  readonly resetsIn: number;
  /** When it begins, in milliseconds of performance.now(). */
  readonly resetsAt: number;
}

/**
 * How long a refusal is held back, in milliseconds: who sends the next request once it has this answer cannot keep the
 * server busy with refusals.
 */
const HOLD_MS = 1000;
/** The most refusals that are held back at a time; any more are given at once. */
const MAX_HELD = 1000;

/** How long things take in the limits of rates, where it is not as usual. */
export interface RateTimes {
  /** Returns once a client that has used up its points may learn so. */
  readonly hold?: (() => Promise<void>) | undefined;
  /** The most that a request waits for Redis, in milliseconds. */
  readonly redisWaitMs?: number | undefined;
}

/** Limits the points that each viewer, and each address without one, may use in a time. */
export class RateLimits {
  readonly #limits: Readonly<Record<RateLimitName, { readonly allowance: Allowance; readonly windows: Windows }>>;
  readonly #redis: RedisRateLimits | null;
  readonly #hold: () => Promise<void>;
  #held = 0;
  /** The charges that were refused, by limit. */
  readonly refusals: Record<RateLimitName, number> = { address: 0, viewer: 0 };

  constructor(
    { address, viewer, redisUrl }: NonNullable<Config['rateLimits']>,
    logger: FastifyBaseLogger,
    { hold = () => delay(HOLD_MS, undefined, { ref: false }), redisWaitMs = MAX_WAIT_MS }: RateTimes = {},
  ) {
    this.#hold = hold;
    const redis = redisUrl === null ? null : new RedisRateLimits(redisUrl, logger, { maxWaitMs: redisWaitMs });
    const limit = (name: RateLimitName, allowance: Allowance) => ({
      allowance,
      windows: redis?.windows(name, allowance) ?? new MemoryWindows(allowance),
    });
    this.#limits = { address: limit('address', address), viewer: limit('viewer', viewer) };
    this.#redis = redis;
  }

  /** What became of Redis; null: the windows are in memory. */
  get redis(): Pick<RedisRateLimits, 'isReachable' | 'unchecked'> | null {
    return this.#redis;
  }

  /** Connects to Redis, where the windows are there. */
  async connect(): Promise<void> {
    await this.#redis?.connect();
  }

  close(): void {
    this.#redis?.close();
  }

  /** Charges a payer with points, a whole number of them; where they are refused, it returns after a while. */
  async charge(payer: Payer, points: number): Promise<Standing> {
    const standing = await this.settle(payer, points);
    if (standing.isRefused) {
      this.refusals[payer.limit] += 1;
      await this.#holdBack();
    }
    return standing;
  }

  /**
   * Charges a payer with points for work that is done in any case; where they are refused, it returns after a while.
   */
  async delay(payer: Payer, points: number): Promise<Standing> {
    const standing = await this.settle(payer, points);
    if (standing.isRefused) await this.#holdBack();
    return standing;
  }

  /** Charges a payer with points for work that is done already. */
  async settle({ limit, client }: Payer, points: number): Promise<Standing> {
    const { allowance, windows } = this.#limits[limit];
    return standingOf(limit, allowance, await windows.take(client, points));
  }

  /**
   * Gives points back that a payer was charged; `charged` is how the payer stood after that. What was charged to a
   * window that is over needs none back.
   */
  async giveBack({ limit, client }: Payer, points: number, charged: Standing): Promise<Standing> {
    const { allowance, windows } = this.#limits[limit];
    if (charged.left === null || performance.now() >= charged.resetsAt) return charged;
    const given = await windows.giveBack(client, points);
    return given ? standingOf(limit, allowance, given) : charged;
  }

  async #holdBack(): Promise<void> {
    if (this.#held >= MAX_HELD) return;
    this.#held += 1;
    await this.#hold().finally(() => (this.#held -= 1));
  }
}

/**
 * Returns how a payer stands after points were taken of a window, or given back; null: the windows cannot be reached.
 */
function standingOf(limit: RateLimitName, allowance: Allowance, taken: Taken | null): Standing {
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

/** Returns who pays for a request: the viewer, where a token has proved one, and otherwise the address. */
export function payerOf(viewer: Viewer | null, address: string): Payer {
  // Tokens of admins who are no user have one window together.
  return viewer === null
    ? { limit: 'address', client: address }
    : { limit: 'viewer', client: String(viewer.userId ?? 'admin') };
}
