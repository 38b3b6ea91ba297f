import type { OnProgress, Progress } from '../../tools/progress.js';
import { grouped } from '../../tools/words.js';
import { barLine, paceOf } from './progress-text.js';
import { setStatusLine, tell } from './terminal.js';

/** The time between two lines where there is no terminal, in milliseconds. */
const LINE_INTERVAL_MS = 2000;
/** The shortest time between two drawings of a bar, in milliseconds. */
const MIN_DRAW_INTERVAL_MS = 50;
/** The width of a terminal that does not say how wide it is, in columns. */
const DEFAULT_COLUMNS = 80;

/** A display of how far some work is, on standard error. All other output goes through terminal.ts meanwhile. */
export interface ProgressDisplay {
  readonly onProgress: OnProgress;
  /** Shows the last state and leaves it on the terminal; later calls do nothing. */
  readonly finish: () => void;
}

/** How progress is shown. */
export interface ProgressOptions {
  /** What the work goes through, in the plural. */
  readonly unit?: string;
  /** Whether nothing is shown where there is no terminal. */
  readonly quiet?: boolean;
}

/**
 * Shows progress with its rate and the time left: as a bar on a terminal, elsewhere as a line every two seconds, or not
 * at all if it is to be quiet.
 */
export function showProgress(
  label: string,
  { unit = 'rows', quiet = false }: ProgressOptions = {},
): Promise<ProgressDisplay> {
  if (process.stderr.isTTY) return barDisplay(label, unit);
  return Promise.resolve(quiet ? { onProgress: () => undefined, finish: () => undefined } : lineDisplay(label, unit));
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
