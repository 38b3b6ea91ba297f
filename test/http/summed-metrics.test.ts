import { Counter, Gauge, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import type { OwnMetrics } from '../../src/http/workers/messages.js';
import { SummedMetrics } from '../../src/http/workers/summed-metrics.js';

/** Returns the metrics of a worker that counted requests and, at a moment, drifts. */
async function metricsOf(requests: number, verify: { at: number; drifts: number } | null): Promise<OwnMetrics> {
  const registers = [new Registry()];
  new Counter({ name: 'requests_total', help: 'Requests.', registers }).inc(requests);
  new Gauge({ name: 'open', help: 'Open connections.', registers }).set(1);
  const [time, drifts] = ['timestamp_seconds', 'drifts'].map(
    name => new Gauge({ name: `rollcall_last_verify_${name}`, help: 'The last verify.', registers }),
  ) as [Gauge, Gauge];
  time.remove();
  drifts.remove();
  if (verify) {
    time.set(verify.at);
    drifts.set(verify.drifts);
  }
  return registers[0]!.getMetricsAsJSON();
}

const samples = (text: string): string[] => text.split('\n').filter(line => line !== '' && !line.startsWith('#'));

it('the metrics of the last verify are all those of the worker that verified last', async () => {
  const workers = [
    await metricsOf(1, { at: 100, drifts: 7 }),
    await metricsOf(2, null),
    await metricsOf(3, { at: 200, drifts: 0 }),
  ];
  for (const order of [workers, workers.toReversed()])
    expect(samples(await new SummedMetrics().text(new Map(order.entries()))).toSorted()).toEqual([
      'open 3',
      'requests_total 6',
      'rollcall_last_verify_drifts 0',
      'rollcall_last_verify_timestamp_seconds 200',
    ]);
  expect(samples(await new SummedMetrics().text(new Map([[1, workers[1]!]])))).toEqual(['requests_total 2', 'open 1']);
});

it('what dead workers counted stays in the sums once each, and what they had does not', async () => {
  const sums = new SummedMetrics();
  await sums.text(
    new Map([
      [1, await metricsOf(10, null)],
      [2, await metricsOf(20, null)],
    ]),
  );
  for (const dead of [1, 2, 2, 3]) sums.gone(dead);
  expect(samples(await sums.text(new Map([[4, await metricsOf(5, null)]])))).toEqual(['requests_total 35', 'open 1']);
  expect(samples(await sums.text(new Map([[4, await metricsOf(6, null)]])))).toEqual(['requests_total 36', 'open 1']);
});
