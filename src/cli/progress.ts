import { SingleBar } from 'cli-progress';
import type { OnProgress, Progress } from '../services/progress.js';
import { duration, grouped } from './format.js';

/** Is how often a line is written where there is no terminal, in milliseconds. */
const LINE_EVERY = 2000;

/** Shows how far a piece of work is, on standard error. */
export interface ProgressDisplay {
  readonly onProgress: OnProgress;
  /** Writes a line of its own, between two states of the bar. */
  line(text: string): void;
  /** Takes the bar off the terminal until its next state, so that something else can be written there. */
  clear(): void;
  finish(): void;
}

/** Says what the work goes through, and whether it is quiet where there is no terminal. */
export interface ProgressOptions {
  readonly unit?: string;
  readonly quiet?: boolean;
}

/** Shows progress with rate and time left: a bar on a terminal, elsewhere a line every two seconds, or nothing where it is to be quiet. */
export function showProgress(label: string, { unit = 'rows', quiet = false }: ProgressOptions = {}): ProgressDisplay {
  if (process.stderr.isTTY) return barDisplay(label, unit);
  return quiet ? { ...lineDisplay(label, unit), onProgress: () => undefined } : lineDisplay(label, unit);
}

/** Gives the rate and the time left in words, from how far the work came in how many milliseconds. */
export function paceOf({ done, total, rows }: Progress, elapsed: number, unit = 'rows'): { rate: string; left: string } {
  const rate = elapsed > 0 ? `${grouped((rows * 1000) / elapsed)} ${unit}/s` : '…';
  return { rate, left: done > 0 && total > 0 ? `${duration((elapsed * Math.max(0, total - done)) / done)} left` : '…' };
}

function barDisplay(label: string, unit: string): ProgressDisplay {
  const start = performance.now();
  const bar = new SingleBar({ format: `${label} {bar} {percentage}% | {rows} ${unit} | {rate} | {left}`, stream: process.stderr, gracefulExit: false, hideCursor: null });
  bar.start(1, 0, { rows: '0', rate: '…', left: '…' });
  return {
    onProgress(progress) {
      if (progress.total > 0) bar.setTotal(progress.total);
      bar.update(progress.done, { rows: grouped(progress.rows), ...paceOf(progress, performance.now() - start, unit) });
    },
    line(text) {
      process.stderr.write(`\r\u001b[K${text}\n`);
    },
    clear: () => void process.stderr.write('\r\u001b[K'),
    finish: () => bar.stop(),
  };
}

function lineDisplay(label: string, unit: string): ProgressDisplay {
  const start = performance.now();
  let last = start;
  return {
    onProgress(progress) {
      const now = performance.now();
      if (now - last < LINE_EVERY) return;
      last = now;
      const { rate, left } = paceOf(progress, now - start, unit);
      const share = progress.total > 0 ? `${Math.floor((100 * progress.done) / progress.total)}%, ` : '';
      process.stderr.write(`${label}: ${share}${grouped(progress.rows)} ${unit}, ${rate}, ${left}\n`);
    },
    line: text => void process.stderr.write(`${text}\n`),
    clear: () => undefined,
    finish: () => undefined,
  };
}
