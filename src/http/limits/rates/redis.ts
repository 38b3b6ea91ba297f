import type { FastifyBaseLogger } from 'fastify';
import { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import type { Allowance } from '../../../config/config-values.js';
import { giveBackTo, takeFrom, type Taken, type Windows } from './windows.js';

/** The most that a request waits for an answer of Redis, in milliseconds. */
export const MAX_WAIT_MS = 100;
/** The most that the server's start waits for a connection, in milliseconds. */
const MAX_CONNECT_MS = 2000;
/**
 * How long Redis may leave a command without an answer before its connection is given up for a new one, in
 * milliseconds.
 */
const MAX_SILENCE_MS = 5000;
/**
 * How long Redis is left alone after it has failed to answer, in milliseconds; requests pass meanwhile without asking
 * it.
 */
const PAUSE_MS = 1000;

/** Windows in Redis, which all servers share. While it cannot be reached, requests pass. */
export class RedisRateLimits {
  readonly #client: Redis;
  readonly #maxWaitMs: number;
  readonly #pauseMs: number;
  readonly #logger: FastifyBaseLogger;
  /** The moment from which Redis may be asked again, during an outage; null: it answers. */
  #askAgainAt: number | null = null;
  /** Why there is no connection, as far as is known. */
  #trouble: Error | null = null;
  #isClosed = false;
  /** The charges that were not checked, since Redis could not be reached. */
  unchecked = 0;

  constructor(
    url: string,
    logger: FastifyBaseLogger,
    { maxWaitMs = MAX_WAIT_MS, pauseMs = PAUSE_MS }: { readonly maxWaitMs?: number; readonly pauseMs?: number } = {},
  ) {
    this.#maxWaitMs = maxWaitMs;
    this.#pauseMs = pauseMs;
    this.#logger = logger;
    this.#client = new Redis(url, {
      lazyConnect: true,
      connectTimeout: MAX_CONNECT_MS,
      socketTimeout: MAX_SILENCE_MS,
      // A request does not wait for a connection to come back, and a charge is not sent twice.
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      retryStrategy: tries => Math.min(tries * 100, PAUSE_MS),
    });
    // Why it cannot be reached is told here, and logged when a request finds out that it cannot.
    this.#client.on('error', (error: Error) => (this.#trouble = error)).on('ready', () => (this.#trouble = null));
  }

  /** Whether Redis answered when it was asked last. */
  get isReachable(): boolean {
    return this.#askAgainAt === null;
  }

  /** Connects; where that fails, the outage is logged and connecting goes on by itself. */
  async connect(): Promise<void> {
    await this.#client.connect().catch((error: unknown) => this.#failed(error));
  }

  /** Returns the windows of one limit, under a name of their own. */
  windows(name: string, { points, seconds }: Allowance): Windows {
    const limiter = new RateLimiterRedis({
      storeClient: this.#client,
      keyPrefix: `rollcall:${name}`,
      points,
      duration: seconds,
      rejectIfRedisNotReady: true,
    });
    return {
      take: async (client, points) => (await this.#asked(() => takeFrom(limiter, client, points))) ?? this.#pass(),
      giveBack: (client, points) => this.#asked(() => giveBackTo(limiter, client, points)),
    };
  }

  /** Returns what Redis answers; null: it does not. */
  async #asked(ask: () => Promise<Taken>): Promise<Taken | null> {
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

  /** Ends the connection, without waiting for Redis; what is charged from now on passes. */
  close(): void {
    this.#isClosed = true;
    this.#client.disconnect();
  }

  /** Returns true for each request while Redis answers, and during an outage for one request after each pause. */
  #mayAsk(): boolean {
    if (this.#isClosed) return false;
    if (this.#askAgainAt === null) return true;
    if (performance.now() < this.#askAgainAt) return false;
    this.#askAgainAt = performance.now() + this.#pauseMs;
    return true;
  }

  /** Returns what Redis answers. Errors: an answer that takes too long. */
  async #inTime<Answer>(answer: Promise<Answer>): Promise<Answer> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    // Not before what has come is read: that this process was busy does not mean that Redis is away.
    const timer = setTimeout(
      () => setImmediate(() => reject(new Error(`no answer within ${this.#maxWaitMs} ms`))),
      this.#maxWaitMs,
    );
    try {
      return await Promise.race([answer, late]);
    } finally {
      clearTimeout(timer);
      // Nobody waits for the other one any more.
      late.catch(() => undefined);
      answer.catch(() => undefined);
    }
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
    // Not the error as a whole: that of a command carries its arguments, the password among them.
    if (this.#askAgainAt === null)
      this.#logger.warn(
        { reason: reasonOf(this.#trouble ?? error) },
        'Redis cannot be reached, so requests pass without a limit on their rate until it answers',
      );
    this.#askAgainAt = performance.now() + this.#pauseMs;
  }
}

/** Returns why Redis did not answer, in a few words that hold no argument of a command. */
function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: string; message: string };
  return code ?? message;
}
