import type { OnProgress, Progress } from '../tools/progress.js';
import { duration, grouped } from './format.js';
import { setStatusLine, tell } from './output.js';

/** The time between two lines where there is no terminal, in milliseconds. */
const LINE_INTERVAL_MS = 2000;
/** The shortest time between two drawings of a bar, in milliseconds. */
const MIN_DRAW_INTERVAL_MS = 50;
/** The width of a terminal that does not tell its own, in columns. */
const DEFAULT_COLUMNS = 80;
/** The widths between which a bar is shown, in columns; where less is left of the line, there is text alone. */
const MIN_BAR_COLUMNS = 10;
const MAX_BAR_COLUMNS = 40;

/**
 * A display of how far a piece of work is, on standard error. What else is written meanwhile goes through output.ts.
 */
export interface ProgressDisplay {
  readonly onProgress: OnProgress;
  /** Shows the last state and leaves it; later calls do nothing. */
  readonly finish: () => void;
}

/** What the work goes through, and whether it is quiet where there is no terminal. */
export interface ProgressOptions {
  readonly unit?: string;
  readonly quiet?: boolean;
}

/**
 * Shows progress with rate and time left: a bar on a terminal, elsewhere a line every two seconds, or nothing where it
 * is to be quiet.
 */
export function showProgress(
  label: string,
  { unit = 'rows', quiet = false }: ProgressOptions = {},
): Promise<ProgressDisplay> {
  if (process.stderr.isTTY) return barDisplay(label, unit);
  return Promise.resolve(quiet ? { onProgress: () => undefined, finish: () => undefined } : lineDisplay(label, unit));
}

/** Returns the rate and the time left in words, from how far the work came in how many milliseconds. */
export function paceOf(
  { done, total, rows }: Progress,
  elapsed: number,
  unit = 'rows',
): { rate: string; left: string } {
  const rate = elapsed > 0 ? `${grouped((rows * 1000) / elapsed)} ${unit}/s` : '…';
  return { rate, left: done > 0 && total > 0 ? `${duration((elapsed * Math.max(0, total - done)) / done)} left` : '…' };
}

/** Returns a bar with text behind it that fits on one line of a terminal. */
export function barLine(label: string, share: number, details: readonly string[], columns: number): string {
  const text = ` ${Math.floor(100 * share)}% | ${details.join(' | ')}`;
  // Without the last column: some terminals wrap as soon as it is written.
  const width = Math.min(MAX_BAR_COLUMNS, columns - 2 - label.length - text.length);
  if (width < MIN_BAR_COLUMNS) return `${label}${text}`.slice(0, Math.max(0, columns - 1));
  const filled = Math.floor(share * width);
  return `${label} ${'█'.repeat(filled)}${'░'.repeat(width - filled)}${text}`;
}

async function barDisplay(label: string, unit: string): Promise<ProgressDisplay> {
  // Loaded only where a bar is shown. The cursor stays visible, and no mode of the terminal is changed: a process that
  // is killed leaves nothing behind.
  const { createLogUpdate } = await import('log-update');
  const frame = createLogUpdate(process.stderr, { showCursor: true });
  const start = performance.now();
  let state: Progress = { done: 0, total: 0, rows: 0 };
  let drawnAt = Number.NEGATIVE_INFINITY;
  let isFinished = false;
  const draw = (now: number): void => {
    const { rate, left } = paceOf(state, now - start, unit);
    const share = state.total > 0 ? Math.min(1, state.done / state.total) : 0;
    frame(
      barLine(label, share, [`${grouped(state.rows)} ${unit}`, rate, left], process.stderr.columns || DEFAULT_COLUMNS),
    );
    drawnAt = now;
  };
  setStatusLine({
    clear() {
      frame.clear();
      drawnAt = Number.NEGATIVE_INFINITY;
    },
  });
  draw(start);
  return {
    onProgress(progress) {
      state = progress;
      const now = performance.now();
      if (!isFinished && now - drawnAt >= MIN_DRAW_INTERVAL_MS) draw(now);
    },
    finish() {
      if (isFinished) return;
      isFinished = true;
      draw(performance.now());
      frame.done();
      setStatusLine(null);
    },
  };
}

function lineDisplay(label: string, unit: string): ProgressDisplay {
  const start = performance.now();
  let last = start;
  return {
    onProgress(progress) {
      const now = performance.now();
      if (now - last < LINE_INTERVAL_MS) return;
      last = now;
      const { rate, left } = paceOf(progress, now - start, unit);
      const share = progress.total > 0 ? `${Math.floor((100 * progress.done) / progress.total)}%, ` : '';
      tell(`${label}: ${share}${grouped(progress.rows)} ${unit}, ${rate}, ${left}\n`);
    },
    finish: () => undefined,
  };
}
