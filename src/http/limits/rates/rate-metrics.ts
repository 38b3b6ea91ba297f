import { Counter, Gauge, type Registry } from 'prom-client';
import { rateLimitNames, type RateLimits } from './rate-limits.js';

/** Adds the metrics of the rate limits to a registry; `limits` is null if they are off. */
export function rateMetrics(registry: Registry, limits: RateLimits | null): void {
  const registers = [registry];
  const remote = limits?.remote;
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
    aggregator: 'min',
    registers,
    collect() {
      if (remote?.isRedis) this.set(remote.isReachable ? 1 : 0);
    },
  });
  // Otherwise the gauge would begin at 0, which says that Redis does not answer.
  up.remove();
  new Counter({
    name: 'rollcall_rate_limit_unchecked_total',
    help: 'Charges that passed without a check, because Redis, or the primary process of a worker, could not be reached.',
    registers,
    collect() {
      this.reset();
      this.inc(remote?.unchecked ?? 0);
    },
  });
}
