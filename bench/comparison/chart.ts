import { cases } from './cases.ts';
import { REFERENCE } from './contestants.ts';
import type { Summary } from './summary.ts';

const WIDTH = 900;
const BAR = { left: 150, width: 560, height: 16, step: 24 };
const HEADING = 34;
const COLOURS = { limit: '#57606a', rollcall: '#1a7f37', other: '#0969da' };

/**
 * Returns a chart in SVG: a panel for each case, with a bar for the ratio of each contestant to the limit, and a line
 * from its lowest to its highest ratio.
 */
export function chartOf(title: string, summaries: readonly Summary[]): string {
  const panels: string[] = [];
  let top = 50;
  for (const one of cases) {
    const rows = summaries.filter(summary => summary.case === one.name && summary.ratio !== null);
    if (rows.length === 0) continue;
    panels.push(panelOf(`${one.name}: ${one.title}`, rows, top));
    top += HEADING + rows.length * BAR.step + 12;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" font-family="system-ui, sans-serif" font-size="13" role="img" aria-labelledby="title">
  <title id="title">${escaped(title)}</title>
  <rect width="${WIDTH}" height="${top}" rx="8" fill="#ffffff" stroke="#d0d7de" />
  <text x="20" y="30" font-size="16" font-weight="600" fill="#1f2328">${escaped(title)}</text>
${panels.join('\n')}
</svg>
`;
}

function panelOf(title: string, rows: readonly Summary[], top: number): string {
  const longest = Math.max(1, ...rows.map(({ highestRatio }) => highestRatio!));
  const at = (ratio: number): string => (BAR.left + (ratio / longest) * BAR.width).toFixed(1);
  const end = top + HEADING + rows.length * BAR.step - 6;
  const bars = rows.map((one, index) => {
    const y = top + HEADING + index * BAR.step;
    const middle = y + BAR.height / 2;
    const width = ((one.ratio! / longest) * BAR.width).toFixed(1);
    const failed = one.failed >= 0.0005 ? `, ${(one.failed * 100).toFixed(1)} % failed` : '';
    return `  <text x="${BAR.left - 8}" y="${y + 13}" text-anchor="end" fill="#1f2328">${escaped(one.contestant)}</text>
  <rect x="${BAR.left}" y="${y}" width="${width}" height="${BAR.height}" rx="2" fill="${colourOf(one.contestant)}" />
  <path d="M${at(one.lowestRatio!)} ${middle} H${at(one.highestRatio!)}" stroke="#1f2328" stroke-width="1.5" />
  <text x="${(Number(at(one.highestRatio!)) + 8).toFixed(1)}" y="${y + 13}" fill="#1f2328">${one.ratio!.toFixed(2)} (${one.rate.toFixed(0)}/s${failed})</text>`;
  });
  return `  <text x="20" y="${top + 20}" font-weight="600" fill="#1f2328">${escaped(title)}</text>
  <path d="M${at(1)} ${top + HEADING - 4} V${end}" stroke="#57606a" stroke-dasharray="4 3" />
${bars.join('\n')}`;
}

function colourOf(contestant: string): string {
  if (contestant === 'rollcall') return COLOURS.rollcall;
  return contestant.endsWith(REFERENCE) ? COLOURS.limit : COLOURS.other;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
