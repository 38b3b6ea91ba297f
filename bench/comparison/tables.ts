import { cases, type CaseName } from './cases.ts';
import type { Summary } from './summary.ts';

/** Returns the tables of all cases in Markdown. */
export function tablesOf(summaries: readonly Summary[]): string {
  return cases
    .filter(({ name }) => summaries.some(one => one.case === name))
    .map(({ name, title }) => `**${name}: ${title}**\n\n${tableOf(name, summaries)}`)
    .join('\n\n');
}

function tableOf(name: CaseName, summaries: readonly Summary[]): string {
  const rows = summaries.filter(one => one.case === name);
  const writes = rows.some(one => one.drift !== null);
  const columns: readonly [string, (one: Summary) => string][] = [
    ['contestant', one => one.contestant],
    ['ratio to the limit', one => number(one.ratio, 2)],
    ['lowest to highest', one => `${number(one.lowestRatio, 2)} to ${number(one.highestRatio, 2)}`],
    ['answers/s', one => number(one.rate, 0)],
    ['p50 ms', one => number(one.p50, 1)],
    ['p99 ms', one => number(one.p99, 1)],
    ['CPU of the server, ms', one => number(one.serverTime, 3)],
    ['CPU of the database, ms', one => number(one.databaseTime, 3)],
    ['memory, MB', one => number(one.memoryMB, 0)],
    ...(writes || rows.some(one => one.failed > 0)
      ? ([['failed', one => `${number(one.failed * 100, 1)} %`]] as [string, (one: Summary) => string][])
      : []),
    ...(writes ? ([['drift', one => String(one.drift)]] as [string, (one: Summary) => string][]) : []),
  ];
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(columns.map(([heading]) => heading)),
    line(columns.map((_, index) => (index === 0 ? '---' : '---:'))),
    ...rows.map(one => line(columns.map(([, cell]) => cell(one)))),
  ].join('\n');
}

function number(value: number | null, digits: number): string {
  return value === null || Number.isNaN(value) ? '–' : value.toFixed(digits);
}
