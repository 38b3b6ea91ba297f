import { expect } from 'vitest';

/** The result of a scrape: each series as `name{label="value"}`, with its number. */
export type Samples = ReadonlyMap<string, number>;

const COMMENT = /^# (?:HELP [a-z_:][\w:]* .+|TYPE [a-z_:][\w:]* (?:counter|gauge|histogram|summary))$/i;
const SAMPLE =
  /^([a-z_:][\w:]*(?:\{[a-z_]\w*="(?:[^"\\\n]|\\.)*"(?:,[a-z_]\w*="(?:[^"\\\n]|\\.)*")*\})?) (-?[\d.]+(?:e[+-]?\d+)?|NaN|[+-]Inf)$/i;

/**
 * Reads the metrics of a server; fails at each line that is not in Prometheus' text format, and at a duplicate series.
 */
export async function scrape(url: string | null): Promise<Samples> {
  const response = await fetch(url!);
  expect([response.status, response.headers.get('content-type')]).toEqual([
    200,
    'text/plain; version=0.0.4; charset=utf-8',
  ]);
  const samples = new Map<string, number>();
  for (const line of (await response.text()).split('\n')) {
    if (line === '' || COMMENT.test(line)) continue;
    const [, series, value] = SAMPLE.exec(line) ?? expect.fail(`This is no line of metrics: ${line}`);
    expect(samples.has(series!), series).toBe(false);
    samples.set(series!, Number(value));
  }
  return samples;
}

/** Returns the growth of Rollcall's own series, without unchanged ones and durations. */
export function growthOf(before: Samples, after: Samples): Record<string, number> {
  const grown = [...after].map(([series, value]) => [series, value - (before.get(series) ?? 0)] as const);
  return Object.fromEntries(grown.filter(([series, by]) => /^rollcall_\w+_total/.test(series) && by !== 0));
}
