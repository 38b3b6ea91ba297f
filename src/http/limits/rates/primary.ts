import type { FastifyBaseLogger } from 'fastify';
import { RateLimiterCluster } from 'rate-limiter-flexible';
import type { Allowance } from '../../../config/config-values.js';
import { MAX_CLIENTS } from './memory-windows.js';
import { RecentClients } from './recent-clients.js';
import { RemoteRateLimits } from './remote-rate-limits.js';
import type { Windows } from './windows.js';

/**
 * The longest time that a request waits for an answer of the primary process, in milliseconds; more than for Redis,
 * because this process can do nothing else without the primary.
 */
const MAX_PRIMARY_WAIT_MS = 2000;

/** Rate windows in the memory of the primary process, which all workers share. */
export class PrimaryRateLimits extends RemoteRateLimits {
  readonly isRedis = false;

  /** Each of the `workers` keeps the windows of its share of the most clients, so that the primary's memory is limited. */
  constructor(
    private readonly workers: number,
    logger: FastifyBaseLogger,
  ) {
    super({ logger, keeper: 'The primary process', maxWaitMs: MAX_PRIMARY_WAIT_MS });
  }

  connect(): Promise<void> {
    return Promise.resolve();
  }

  windows(name: string, { points, seconds }: Allowance): Windows {
    const limiter = new RateLimiterCluster({ keyPrefix: name, points, duration: seconds });
    const recent = new RecentClients(Math.ceil(MAX_CLIENTS / this.workers));
    return this.windowsOf(limiter, client => {
      const oldest = recent.add(client);
      // A window that is not removed ends by itself.
      if (oldest !== null) limiter.delete(oldest).catch(() => undefined);
    });
  }
}
