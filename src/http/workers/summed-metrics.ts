import { AggregatorRegistry } from 'prom-client';
import { LAST_VERIFY_TIME, LAST_VERIFY_PREFIX } from '../observability/metric-names.js';
import type { OwnMetrics } from './messages.js';

/**
 * The metrics of all workers together. What a worker counted before it died stays in the sums, as far as it was ever
 * shown: a sum that became smaller would look like a restart of all workers.
 */
export class SummedMetrics {
  /** The metrics that each worker returned last. */
  readonly #last = new Map<number, OwnMetrics>();
  /** The sums of what workers counted that are gone. */
  #former: OwnMetrics = [];

  /** Returns the sums as text, from the metrics of each worker by its number. */
  async text(ofWorkers: ReadonlyMap<number, OwnMetrics>): Promise<string> {
    for (const [worker, metrics] of ofWorkers) this.#last.set(worker, metrics);
    return AggregatorRegistry.aggregate([this.#former, ...withLatestVerify([...ofWorkers.values()])]).metrics();
  }

  /** Keeps what a worker that is gone counted. */
  gone(worker: number): void {
    const counted = (this.#last.get(worker) ?? []).filter(({ type }) => countedTypes.has(String(type)));
    this.#last.delete(worker);
    if (counted.length === 0) return;
    // These have their values, and at once: a scrape at this moment must not miss them.
    this.#former = AggregatorRegistry.aggregate([this.#former, counted]).getMetricsAsArray() as OwnMetrics;
  }
}

/** The types of metrics that only grow. */
const countedTypes: ReadonlySet<string> = new Set(['counter', 'histogram']);

/** Removes all metrics of a last verify but those of the worker that ended one most recently: they belong together. */
function withLatestVerify(ofWorkers: readonly OwnMetrics[]): OwnMetrics[] {
  const times = ofWorkers.map(metrics => metrics.find(({ name }) => name === LAST_VERIFY_TIME)?.values[0]?.value ?? 0);
  const latest = times.indexOf(Math.max(...times));
  return ofWorkers.map((metrics, index) =>
    index === latest ? metrics : metrics.filter(({ name }) => !name.startsWith(LAST_VERIFY_PREFIX)),
  );
}
