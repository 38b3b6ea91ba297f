import type { CaseName } from './cases.ts';
import type { Measurement } from './measurement.ts';

/** What the rounds of one contestant in one case come to. */
export interface Summary {
  readonly contestant: string;
  readonly case: CaseName;
  readonly rounds: number;
  /** The median of the rates, in answers a second. */
  readonly rate: number;
  /** The rate divided by the reference's of the same round: the median, the lowest and the highest. */
  readonly ratio: number | null;
  readonly lowestRatio: number | null;
  readonly highestRatio: number | null;
  /** Medians, in milliseconds. */
  readonly serverTime: number | null;
  readonly databaseTime: number | null;
  readonly p50: number | null;
  readonly p99: number | null;
  readonly memoryMB: number;
  /** The part of all answers that were errors. */
  readonly failed: number;
  /** The drift that all rounds left together; null for reads. */
  readonly drift: number | null;
}

/** Summarizes measurements, in the order in which cases and contestants first come in them. */
export function summarize(measurements: readonly Measurement[], reference: string): Summary[] {
  const groups = Map.groupBy(measurements, one => `${one.case} ${one.contestant}`);
  return [...groups.values()].map(rounds => {
    const [{ contestant, case: name }] = rounds as [Measurement, ...Measurement[]];
    const ratios = rounds.flatMap(({ rate, round }) => {
      const base = measurements.find(
        other => other.contestant === reference && other.case === name && other.round === round,
      );
      return base ? [rate / base.rate] : [];
    });
    const sum = (value: (one: Measurement) => number): number => rounds.reduce((total, one) => total + value(one), 0);
    return {
      contestant,
      case: name,
      rounds: rounds.length,
      rate: median(rounds.map(one => one.rate))!,
      ratio: median(ratios),
      lowestRatio: ratios.length > 0 ? Math.min(...ratios) : null,
      highestRatio: ratios.length > 0 ? Math.max(...ratios) : null,
      serverTime: median(rounds.flatMap(one => one.serverTime ?? [])),
      databaseTime: median(rounds.flatMap(one => one.databaseTime ?? [])),
      p50: median(rounds.flatMap(one => one.p50 ?? [])),
      p99: median(rounds.flatMap(one => one.p99 ?? [])),
      memoryMB: Math.max(...rounds.map(one => one.memoryMB)),
      failed:
        sum(one => one.failed) /
        Math.max(
          1,
          sum(one => one.answered),
        ),
      drift: rounds[0]!.drift === undefined ? null : sum(one => one.drift ?? 0),
    };
  });
}

/** Returns the median, between the two in the middle if there are two; null without values. */
export function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
