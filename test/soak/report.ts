import { megabytes } from './megabytes.ts';
import type { Report } from './soak.ts';
import type { CallKind, Group, Waits } from './tally.ts';

/**
 * Prints the outcome of faults: the answers to callers and their waits, the resources of the server, and the problems.
 */
export function printReports(
  reports: readonly Report[],
  problems: readonly string[],
  print: (text: string) => void,
): void {
  for (const report of reports) print(`${inspectionsOf(report)}\n`);
  print(
    `${table([
      [
        'database',
        'fault',
        'lasted',
        'calls',
        'answers to affected callers',
        'answers to others',
        'waits: median, 99 %, maximum',
        'recovered after',
        'silence',
        'lost',
        'drift',
      ],
      ...reports.flatMap(rowsOf),
    ])}\n`,
  );
  print(
    problems.length === 0
      ? 'Nothing was lost, no count drifted, nothing leaked, and every answer was true.\n'
      : `${problems.length} problem${problems.length > 1 ? 's' : ''}:\n${problems.map(line => `  - ${line}`).join('\n')}\n`,
  );
}

/** Returns a table of the inspections. */
function inspectionsOf({ fault, kind, inspections }: Report): string {
  return `${kind}, ${fault}\n${table([
    ['after', 'reads', 'changes', 'messages', 'memory', 'heap', 'descriptors', 'lost', 'drift'],
    ...inspections.map(
      ({ seconds: at, reads, writes, messages, resources: { rss, heap, descriptors }, lost, drift }) => [
        seconds(at),
        String(reads),
        String(writes),
        String(messages),
        megabytes(rss),
        megabytes(heap),
        String(descriptors),
        String(lost),
        String(drift),
      ],
    ),
  ])}`;
}

function rowsOf({ kind, fault, lasted, recovery, silence, tally, lost, drift }: Report): string[][] {
  const calls: CallKind[] = ['read', 'write', 'ready'];
  const names: Record<CallKind, string> = { read: 'reads', write: 'changes', ready: '/readyz' };
  return calls.map((of, place) => {
    const waits = (['touched', 'untouched'] as Group[]).flatMap(group => {
      const found = tally.waits(group, of);
      return found ? [`${group} ${inWords(found)}`] : [];
    });
    const first = place === 0 ? [kind, fault, seconds(lasted)] : ['', '', ''];
    const last = place === 0 ? [seconds(recovery), seconds(silence), String(lost), String(drift)] : ['', '', '', ''];
    return [
      ...first,
      names[of],
      codes(tally.codes('touched', of)),
      codes(tally.codes('untouched', of)),
      waits.join('; '),
      ...last,
    ];
  });
}

function inWords({ median, most99, longest }: Waits): string {
  return [median, most99, longest].map(duration).join(', ');
}

function duration(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : seconds(milliseconds / 1000);
}

function seconds(count: number): string {
  return `${count.toFixed(1)} s`;
}

function codes(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .toSorted(([, one], [, other]) => other - one)
    .map(([code, count]) => `${count} ${code}`)
    .join(', ');
}

/** Lays out rows in columns. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)));
  return `${rows
    .map(row =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')}\n`;
}
