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
  finish(): void;
}

/** Shows progress with rate and time left: a bar on a terminal, elsewhere a line every two seconds. */
export function showProgress(label: string): ProgressDisplay {
  return process.stderr.isTTY ? barDisplay(label) : lineDisplay(label);
}

/** Gives the rate and the time left in words, from how far the work came in how many milliseconds. */
export function paceOf({ done, total, rows }: Progress, elapsed: number): { rate: string; left: string } {
  const rate = elapsed > 0 ? `${grouped((rows * 1000) / elapsed)} rows/s` : '…';
  return { rate, left: done > 0 && total > 0 ? `${duration((elapsed * Math.max(0, total - done)) / done)} left` : '…' };
}

function barDisplay(label: string): ProgressDisplay {
  const start = performance.now();
  const bar = new SingleBar({ format: `${label} {bar} {percentage}% | {rows} rows | {rate} | {left}`, stream: process.stderr, gracefulExit: false, hideCursor: null });
  bar.start(1, 0, { rows: '0', rate: '…', left: '…' });
  return {
    onProgress(progress) {
      if (progress.total > 0) bar.setTotal(progress.total);
      bar.update(progress.done, { rows: grouped(progress.rows), ...paceOf(progress, performance.now() - start) });
    },
    line(text) {
      process.stderr.write(`\r\u001b[K${text}\n`);
    },
    finish: () => bar.stop(),
  };
}

function lineDisplay(label: string): ProgressDisplay {
  const start = performance.now();
  let last = start;
  return {
    onProgress(progress) {
      const now = performance.now();
      if (now - last < LINE_EVERY) return;
      last = now;
      const { rate, left } = paceOf(progress, now - start);
      const share = progress.total > 0 ? `${Math.floor((100 * progress.done) / progress.total)}%, ` : '';
      process.stderr.write(`${label}: ${share}${grouped(progress.rows)} rows, ${rate}, ${left}\n`);
    },
    line: text => void process.stderr.write(`${text}\n`),
    finish: () => undefined,
  };
}
