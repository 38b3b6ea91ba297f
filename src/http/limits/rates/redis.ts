import type { FastifyBaseLogger } from 'fastify';
import { Redis } from 'ioredis';
import pTimeout from 'p-timeout';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import type { Allowance } from '../../../config/config-values.js';
import { giveBackTo, takeFrom, type WindowState, type Windows } from './windows.js';

/** The longest time that a request waits for an answer of Redis, in milliseconds. */
export const MAX_REDIS_WAIT_MS = 100;
/** The longest time that the server's start waits for a connection to Redis, in milliseconds. */
const MAX_REDIS_CONNECT_MS = 2000;
/** The longest time that Redis may leave a command unanswered before its connection is replaced, in milliseconds. */
const MAX_REDIS_SILENCE_MS = 5000;
/** The time for which Redis is not asked after it has failed to answer, in milliseconds; requests pass meanwhile. */
const REDIS_PAUSE_MS = 1000;

/** Rate windows in Redis, which all servers share. While Redis cannot be reached, requests pass. */
export class RedisRateLimits {
  readonly #client: Redis;
  readonly #maxWaitMs: number;
  readonly #pauseMs: number;
  readonly #logger: FastifyBaseLogger;
  /** During an outage, the moment from which Redis may be asked again; null if it answers. */
  #askAgainAt: number | null = null;
  /** The latest error of the connection; null if there is a connection. */
  #trouble: Error | null = null;
  #isClosed = false;
  /** The number of charges that passed unchecked because Redis could not be reached. */
  unchecked = 0;

  constructor(
    url: string,
    logger: FastifyBaseLogger,
    {
      maxWaitMs = MAX_REDIS_WAIT_MS,
      pauseMs = REDIS_PAUSE_MS,
    }: { readonly maxWaitMs?: number | undefined; readonly pauseMs?: number } = {},
  ) {
    this.#maxWaitMs = maxWaitMs;
    this.#pauseMs = pauseMs;
    this.#logger = logger;
    this.#client = new Redis(url, {
      lazyConnect: true,
      connectTimeout: MAX_REDIS_CONNECT_MS,
      socketTimeout: MAX_REDIS_SILENCE_MS,
      // A request does not wait for a connection to come back, and a charge is not sent twice.
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      retryStrategy: tries => Math.min(tries * 100, REDIS_PAUSE_MS),
    });
    // The reason is only kept here; it is logged when a request fails to reach Redis.
    this.#client.on('error', (error: Error) => (this.#trouble = error)).on('ready', () => (this.#trouble = null));
  }

  /** True if Redis answered when it was last asked. */
  get isReachable(): boolean {
    return this.#askAgainAt === null;
  }

  /** Connects; on failure it logs the outage, and the client goes on trying by itself. */
  async connect(): Promise<void> {
    await this.#client.connect().catch((error: unknown) => this.#failed(error));
  }

  /** Returns the windows of the limit with a name. */
  windows(name: string, { points, seconds }: Allowance): Windows {
    const limiter = new RateLimiterRedis({
      storeClient: this.#client,
      keyPrefix: `rollcall:${name}`,
      points,
      duration: seconds,
      rejectIfRedisNotReady: true,
    });
    return {
      take: async (client, taken) => (await this.#asked(() => takeFrom(limiter, client, taken))) ?? this.#pass(),
      giveBack: (client, returned) => this.#asked(() => giveBackTo(limiter, client, returned)),
    };
  }

  /** Returns the answer of Redis; null if there is none. */
  async #asked(ask: () => Promise<WindowState>): Promise<WindowState | null> {
    if (!this.#mayAsk()) return null;
    try {
      const taken = await this.#inTime(ask());
      this.#answered();
      return taken;
    } catch (error) {
      this.#failed(error);
      return null;
    }
  }

  /** Closes the connection without waiting for Redis; charges pass from now on. */
  close(): void {
    this.#isClosed = true;
    this.#client.disconnect();
  }

  /** Returns true while Redis answers, and during an outage for one request after each pause. */
  #mayAsk(): boolean {
    if (this.#isClosed) return false;
    if (this.#askAgainAt === null) return true;
    if (performance.now() < this.#askAgainAt) return false;
    this.#askAgainAt = performance.now() + this.#pauseMs;
    return true;
  }

  /** Returns the answer of Redis. Errors: those of Redis, and an answer that takes too long. */
  #inTime<Answer>(answer: Promise<Answer>): Promise<Answer> {
    return pTimeout(answer, {
      milliseconds: this.#maxWaitMs,
      // The error is made only when it is thrown: each request passes here.
      fallback: (): never => {
        throw new Error(`no answer within ${this.#maxWaitMs} ms`);
      },
      // First read what has arrived: if this process was busy, Redis may have answered in time.
      customTimers: {
        setTimeout: ((late: () => void, ms: number) => setTimeout(() => setImmediate(late), ms)) as typeof setTimeout,
        clearTimeout,
      },
    });
  }

  #pass(): null {
    this.unchecked += 1;
    return null;
  }

  #answered(): void {
    if (this.#askAgainAt === null) return;
    this.#askAgainAt = null;
    this.#logger.info('Redis answers again, so rates are limited again');
  }

  #failed(error: unknown): void {
    if (this.#isClosed) return;
    // Not the whole error: a command's error contains its arguments, which may include the password.
    if (this.#askAgainAt === null)
      this.#logger.warn(
        { reason: outageReason(this.#trouble ?? error) },
        'Redis cannot be reached, so requests pass without a rate limit until it answers',
      );
    this.#askAgainAt = performance.now() + this.#pauseMs;
  }
}

/** Returns why Redis did not answer, without the arguments of a command. */
function outageReason(error: unknown): string {
  const { code, message } = error as { code?: string; message: string };
  return code ?? message;
}
