import { cases } from './cases.ts';
import type { Measurement } from './measurement.ts';
import { median } from './summary.ts';

/** Parts that take less than this fraction of every contestant's time are added up in one row. */
const LEAST_SHARE = 0.01;

const OTHERS = 'the rest';
const THREADS = 'other threads: garbage, compilation, files';

/** Returns, for each case that was profiled, a table in Markdown of what takes the server's processor time. */
export function profileTablesOf(measurements: readonly Measurement[]): string {
  return cases
    .flatMap(({ name, title }) => {
      const of = measurements.filter(one => one.case === name && one.parts);
      return of.length === 0 ? [] : [`**${name}: ${title}**\n\n${tableOf(of)}`];
    })
    .join('\n\n');
}

function tableOf(measurements: readonly Measurement[]): string {
  const contestants = [...new Set(measurements.map(({ contestant }) => contestant))];
  const columns = contestants.map(contestant => columnOf(measurements.filter(one => one.contestant === contestant)));
  const parts = [...new Set(columns.flatMap(column => [...column.keys()]))];
  const most = (part: string): number => Math.max(...columns.map(column => column.get(part) ?? 0));
  const isLarge = (part: string): boolean =>
    columns.some(column => (column.get(part) ?? 0) >= LEAST_SHARE * sumOf([...column.values()]));
  const large = parts.filter(isLarge).toSorted((one, other) => most(other) - most(one));
  const small = parts.filter(part => !isLarge(part));
  const row = (name: string, values: readonly number[]): string =>
    `| ${name} | ${values.map(value => (value * 1000).toFixed(1)).join(' | ')} |`;
  return [
    `| µs for each answer | ${contestants.join(' | ')} |`,
    `| --- | ${contestants.map(() => '---:').join(' | ')} |`,
    ...large.map(part =>
      row(
        part,
        columns.map(column => column.get(part) ?? 0),
      ),
    ),
    row(
      OTHERS,
      columns.map(column => sumOf(small.map(part => column.get(part) ?? 0))),
    ),
    row(
      'all',
      columns.map(column => sumOf([...column.values()])),
    ),
  ].join('\n');
}

/** Returns the median time of each part over a contestant's rounds, in milliseconds. */
function columnOf(rounds: readonly Measurement[]): Map<string, number> {
  const withThreads = rounds.map(({ parts = {}, serverTime }) => ({
    ...parts,
    [THREADS]: Math.max(0, (serverTime ?? Number.NaN) - sumOf(Object.values(parts))),
  }));
  const names = new Set(withThreads.flatMap(parts => Object.keys(parts)));
  return new Map(
    [...names].map(name => [name, median(withThreads.map(parts => (parts as Record<string, number>)[name] ?? 0))!]),
  );
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
