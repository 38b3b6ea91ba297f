import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { thisMachine } from '../comparison/machine.ts';
import type { DatabaseKind } from '../comparison/store.ts';
import { median } from '../dataset.ts';
import type { Measured } from '../rows.ts';

/** What was measured, and with what. */
interface Report {
  readonly kind: DatabaseKind;
  readonly version: string;
  readonly size: { readonly courses: number; readonly enrollments: number };
  readonly pageSize: number;
  readonly machine: ReturnType<typeof thisMachine>;
  readonly measured: readonly Measured[];
}

const PAGE = fileURLToPath(new URL('../../docs/rows-read.md', import.meta.url));

/**
 * Returns a table with a row for each list, filter and viewer; `docs`: it is also written into its place in
 * `docs/rows-read.md`. Errors: the page has no place for it.
 */
export function writeRows(report: Report, docs: boolean): string {
  const text = tableOf(report);
  if (!docs) return text;
  const [begin, end] = [`<!-- begin rows-${report.kind} -->`, `<!-- end rows-${report.kind} -->`];
  const page = readFileSync(PAGE, 'utf8');
  const [before, rest] = page.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`docs/rows-read.md has no ${begin}.`);
  writeFileSync(PAGE, `${before}${begin}\n\n${text}\n\n${end}${after}`);
  return text;
}

function tableOf({ kind, version, size, pageSize, machine, measured }: Report): string {
  const number = (value: number): string => value.toLocaleString('en');
  const pages = measured.filter(({ page }) => page !== 'totalCount');
  const groups = [...Map.groupBy(pages, one => [one.list, one.filter, one.viewer].join('\0')).values()];
  const few = 3 * (pageSize + 1);
  const most = (group: readonly Measured[]): number => Math.max(...group.map(({ rowsRead }) => rowsRead ?? 0));
  const good = groups.filter(group => most(group) <= few && group.every(({ refused }) => refused === null));
  const shown = kind === 'sqlite' ? groups : groups.filter(group => !good.includes(group));
  const line = (group: readonly Measured[], what: readonly string[]): string => {
    const [{ list, filter, viewer }] = group as [Measured];
    const worst = group.reduce((a, b) => ((b.rowsRead ?? 0) > (a.rowsRead ?? 0) ? b : a));
    const times = group.map(({ milliseconds }) => milliseconds);
    const refused = group.filter(one => one.refused !== null).length;
    return `| ${[
      `${list}, ${filter}`,
      viewer,
      ...what,
      worst.rowsRead === null ? '–' : number(worst.rowsRead),
      median(times).toFixed(1),
      Math.max(...times).toFixed(1),
      refused === 0 ? '' : `${refused} of ${group.length}`,
    ].join(' | ')} |`;
  };
  const header = (name: string): string[] => [
    `| list, filter | viewer |${name} rows read at most | median ms | most ms | TOO_MANY_ROWS |`,
    `| --- | --- |${name ? ' --- |' : ''} ---: | ---: | ---: | --- |`,
  ];
  const counts = measured.filter(
    ({ page, rowsRead, milliseconds }) => page === 'totalCount' && ((rowsRead ?? 0) > few || milliseconds > 5),
  );
  return [
    `${kind} ${version}, ${number(size.courses)} courses, ${number(size.enrollments)} enrollments, ${machine.date}, commit ${machine.commit}; pages of ${pageSize} in each order of the list, both directions: the first, the last, and those after and before the middle of the table.`,
    '',
    kind === 'sqlite'
      ? `${number(groups.length)} lists, ${number(pages.length)} pages.`
      : `${number(groups.length)} lists, ${number(pages.length)} pages. Of ${number(good.length)} lists no page read more than ${few} rows, three pages; the slowest of these took ${Math.max(...good.flat().map(({ milliseconds }) => milliseconds)).toFixed(1)} ms. The others:`,
    '',
    ...header(''),
    ...shown.map(group => line(group, [])),
    '',
    `\`totalCount\`, where it read more than ${few} rows or took more than 5 ms:`,
    '',
    ...header(''),
    ...counts.map(one => line([one], [])),
  ].join('\n');
}
