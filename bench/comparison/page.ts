import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { chartOf } from './chart.ts';
import type { Report } from './compare.ts';
import { contestants } from './contestants.ts';
import { profileTablesOf } from './profile-tables.ts';
import { tablesOf } from './tables.ts';

const docs = fileURLToPath(new URL('../../docs', import.meta.url));
const BEGIN = (name: string): string => `<!-- begin ${name} -->`;
const END = (name: string): string => `<!-- end ${name} -->`;

/**
 * Writes a report into `docs/`: its tables into their place in `benchmarks.md`, and, of a comparison, chart and JSON
 * beside it. Errors: the page has no place for it.
 */
export function writePage(report: Report, content: 'comparison' | 'profile'): void {
  const [kind] = report.database.split(' ');
  const name = `${kind}-${report.size.courses}`;
  if (content === 'profile') {
    putInto(`profile-${name}`, `${conditionsOf(report)}\n\n${profileTablesOf(report.measurements)}`);
    return;
  }
  mkdirSync(join(docs, 'benchmarks'), { recursive: true });
  writeFileSync(join(docs, 'benchmarks', `${name}.svg`), chartOf(titleOf(report), report.summaries));
  writeFileSync(join(docs, 'benchmarks', `${name}.json`), `${JSON.stringify(report, null, 2)}\n`);
  const chart = `![Ratios to the limit](benchmarks/${name}.svg)`;
  const tables = tablesOf(report.summaries);
  putInto(name, `${conditionsOf(report)}\n\n${chart}\n\n${tables}\n\nVersions: ${versionsIn(report)}.`);
}

function putInto(place: string, content: string): void {
  const page = join(docs, 'benchmarks.md');
  const text = readFileSync(page, 'utf8');
  const [before, rest] = text.split(BEGIN(place));
  const after = rest?.split(END(place))[1];
  if (before === undefined || after === undefined) throw new Error(`docs/benchmarks.md has no ${BEGIN(place)}.`);
  writeFileSync(page, `${before}${BEGIN(place)}\n\n${content}\n\n${END(place)}${after}`);
}

/** Returns with what and where a report was measured, and what was left out. */
export function conditionsOf(report: Report): string {
  const { machine, rounds, seconds } = report;
  const [kind] = report.database.split(' ');
  const left = contestants
    .filter(({ databases }) => databases.some(one => one === kind || (kind === 'mysql' && one === 'postgresql')))
    .filter(({ name }) => !report.summaries.some(({ contestant }) => contestant === name))
    .map(({ name }) => name);
  return `${titleOf(report)}. ${rounds} rounds of ${seconds} s, ${machine.date}, commit ${machine.commit}; Node ${machine.node}, ${machine.processors} × ${machine.processor}, ${machine.memoryGB} GB, ${machine.system}.${left.length > 0 ? ` Not measured in this run: ${left.join(', ')}.` : ''}`;
}

function versionsIn({ packages }: Report): string {
  return Object.entries(packages)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ');
}

function titleOf({ database, size }: Report): string {
  const number = (value: number): string => value.toLocaleString('en');
  return `${database}, ${number(size.courses)} courses, ${number(size.enrollments)} enrollments`;
}
