import type { FastifyBaseLogger } from 'fastify';
import { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import type { Allowance } from '../../../config/config-values.js';
import { KEEPER_PAUSE_MS, RemoteRateLimits } from './remote-rate-limits.js';
import type { Windows } from './windows.js';

/** The longest time that a request waits for an answer of Redis, in milliseconds. */
export const MAX_REDIS_WAIT_MS = 100;
/** The longest time that the server's start waits for a connection to Redis, in milliseconds. */
const MAX_REDIS_CONNECT_MS = 2000;
/** The longest time that Redis may leave a command unanswered before its connection is replaced, in milliseconds. */
const MAX_REDIS_SILENCE_MS = 5000;

/** Rate windows in Redis, which all servers share. */
export class RedisRateLimits extends RemoteRateLimits {
  readonly isRedis = true;
  readonly #client: Redis;
  /** The latest error of the connection; null if there is a connection. */
  #trouble: Error | null = null;

  constructor(
    url: string,
    logger: FastifyBaseLogger,
    {
      maxWaitMs = MAX_REDIS_WAIT_MS,
      pauseMs,
    }: { readonly maxWaitMs?: number | undefined; readonly pauseMs?: number } = {},
  ) {
    super({ logger, keeper: 'Redis', maxWaitMs, pauseMs });
    this.#client = new Redis(url, {
      lazyConnect: true,
      connectTimeout: MAX_REDIS_CONNECT_MS,
      socketTimeout: MAX_REDIS_SILENCE_MS,
      // A request does not wait for a connection to come back, and a charge is not sent twice.
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      retryStrategy: tries => Math.min(tries * 100, KEEPER_PAUSE_MS),
    });
    // The reason is only kept here; it is logged when a request fails to reach Redis.
    this.#client.on('error', (error: Error) => (this.#trouble = error)).on('ready', () => (this.#trouble = null));
  }

  /** Connects; on failure it logs the outage, and the client goes on trying by itself. */
  async connect(): Promise<void> {
    await this.#client.connect().catch((error: unknown) => this.failed(error));
  }

  windows(name: string, { points, seconds }: Allowance): Windows {
    return this.windowsOf(
      new RateLimiterRedis({
        storeClient: this.#client,
        keyPrefix: `rollcall:${name}`,
        points,
        duration: seconds,
        rejectIfRedisNotReady: true,
      }),
    );
  }

  /** Closes the connection without waiting for Redis; charges pass from now on. */
  override close(): void {
    super.close();
    this.#client.disconnect();
  }

  /** Returns why Redis did not answer, without the arguments of a command, which may include the password. */
  protected override reasonOf(error: unknown): string {
    const { code, message } = (this.#trouble ?? error) as { code?: string; message: string };
    return code ?? message;
  }
}
