import type { Progress } from '../../tools/progress.js';
import { duration } from './format.js';
import { grouped } from '../../tools/words.js';

/** The widths between which a bar is shown, in columns. If the line has less room, there is text alone. */
const MIN_BAR_COLUMNS = 10;
const MAX_BAR_COLUMNS = 40;

/** Returns the rate and the time left in words, for work that has come so far in `elapsed` milliseconds. */
export function paceOf(
  { done, total, rows }: Progress,
  elapsed: number,
  unit = 'rows',
): { rate: string; left: string } {
  const rate = elapsed > 0 ? `${grouped((rows * 1000) / elapsed)} ${unit}/s` : '…';
  return { rate, left: done > 0 && total > 0 ? `${duration((elapsed * Math.max(0, total - done)) / done)} left` : '…' };
}

/** Returns a bar with details after it, which fit on one line of a terminal together. */
export function barLine(label: string, share: number, details: readonly string[], columns: number): string {
  const text = ` ${Math.floor(100 * share)}% | ${details.join(' | ')}`;
  // Without the last column: some terminals wrap as soon as it is written.
  const width = Math.min(MAX_BAR_COLUMNS, columns - 2 - label.length - text.length);
  if (width < MIN_BAR_COLUMNS) return `${label}${text}`.slice(0, Math.max(0, columns - 1));
  const filled = Math.floor(share * width);
  return `${label} ${'█'.repeat(filled)}${'░'.repeat(width - filled)}${text}`;
}
