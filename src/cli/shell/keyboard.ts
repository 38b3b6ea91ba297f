import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ReadStream } from 'node:tty';
import { Signals } from './signals.js';

const INTERRUPT = 0x03;
const LINE_ENDS: ReadonlySet<number> = new Set([0x0a, 0x0d]);

/**
 * What a person types, for a REPL server to read. It is passed on line by line, and while a line runs, nothing is: what
 * is typed or pasted meanwhile follows when that line has ended. `onInterrupt` is called for Ctrl+C while a line runs.
 *
 * Ctrl+C is a key while the terminal is raw. While it is not, because code may keep the process busy, it is a signal.
 */
export class Keyboard extends Readable {
  readonly #signals: Signals;
  #typed = Buffer.alloc(0);
  #hasEnded = false;
  #isRunning = false;
  #isWanted = false;

  constructor(
    private readonly terminal: ReadStream,
    private readonly onInterrupt: () => void,
  ) {
    // One line at a time: what follows may have to wait until it has run.
    super({ highWaterMark: 0 });
    this.#signals = new Signals(() => {
      if (this.#isRunning) onInterrupt();
    });
    terminal.on('data', this.#take).on('end', this.#end).on('error', this.#end);
  }

  get isRaw(): boolean {
    return this.terminal.isRaw;
  }

  setRawMode(isRaw: boolean): void {
    if (!this.#hasEnded) this.terminal.setRawMode(isRaw);
  }

  /** Keeps what is typed from now on until the returned function is called: a line runs. */
  hold(): () => void {
    this.#isRunning = true;
    this.#interrupt();
    return () => {
      this.#isRunning = false;
      this.#pass();
    };
  }

  /** Has Ctrl+C come as a signal until `setRawMode(true)`. Resolves when what was typed before has been read. */
  async takeSignals(): Promise<void> {
    this.setRawMode(false);
    await this.#signals.ready();
    // Two turns, because one may be half over.
    await nextTurn();
    await nextTurn();
  }

  /** Stops reading, so that the process can end. */
  async close(): Promise<void> {
    this.terminal.off('data', this.#take).off('end', this.#end).off('error', this.#end).pause();
    await this.#signals.close();
  }

  override _read(): void {
    this.#isWanted = true;
    this.#pass();
  }

  readonly #take = (typed: Buffer): void => {
    this.#typed = Buffer.concat([this.#typed, typed]);
    if (this.#isRunning) this.#interrupt();
    else this.#pass();
  };

  #interrupt(): void {
    const last = this.#typed.lastIndexOf(INTERRUPT);
    if (last < 0) return;
    // As a terminal does it: what was typed before is forgotten.
    this.#typed = this.#typed.subarray(last + 1);
    this.onInterrupt();
  }

  /** Nobody is there any more to interrupt a line that runs. */
  readonly #end = (): void => {
    this.#hasEnded = true;
    if (this.#isRunning) this.onInterrupt();
    this.#pass();
  };

  #pass(): void {
    if (this.#isRunning || !this.#isWanted) return;
    if (this.#typed.length > 0) {
      const end = this.#typed.findIndex(byte => LINE_ENDS.has(byte));
      const line = end < 0 ? this.#typed : this.#typed.subarray(0, end + 1);
      this.#typed = this.#typed.subarray(line.length);
      this.#isWanted = false;
      this.push(line);
    } else if (this.#hasEnded) {
      this.#isWanted = false;
      this.push(null);
    }
  }
}
