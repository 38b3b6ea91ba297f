import { Counter, Gauge, type Registry } from 'prom-client';
import { rateLimitNames, type RateLimits } from './rate-limits.js';

/** Adds the metrics of the rate limits to a registry; `limits` is null if they are off. */
export function rateMetrics(registry: Registry, limits: RateLimits | null): void {
  const registers = [registry];
  const redis = limits?.redis;
  new Counter({
    name: 'rollcall_rate_limited_total',
    help: 'Requests and operations that were refused with RATE_LIMITED, by the limit: address or viewer.',
    labelNames: ['limit'],
    registers,
    collect() {
      this.reset();
      for (const limit of rateLimitNames) this.inc({ limit }, limits?.refusals[limit] ?? 0);
    },
  });
  const up = new Gauge({
    name: 'rollcall_rate_limit_redis_up',
    help: 'Whether Redis answered when it was last asked about a rate: 1 or 0; absent: the rates are counted in memory.',
    registers,
    collect() {
      if (redis) this.set(redis.isReachable ? 1 : 0);
    },
  });
  // Otherwise the gauge would begin at 0, which says that Redis does not answer.
  up.remove();
  new Counter({
    name: 'rollcall_rate_limit_unchecked_total',
    help: 'Charges that passed without a check, because Redis could not be reached.',
    registers,
    collect() {
      this.reset();
      this.inc(redis?.unchecked ?? 0);
    },
  });
}
