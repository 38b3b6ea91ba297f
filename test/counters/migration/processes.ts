import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Order, Report } from './server.ts';

const program = fileURLToPath(new URL('server.ts', import.meta.url));

/** A process of the program, and what it has reported since its last order but those to go on. */
export class Process {
  readonly #child: ChildProcess;
  readonly #waiting: (() => void)[] = [];
  #reports: Report[] = [];

  constructor() {
    this.#child = fork(program, { execArgv: ['--disable-warning=ExperimentalWarning'] });
    this.#child.on('message', (report: Report) => {
      this.#reports.push(report);
      this.#wake();
    });
    this.#child.on('exit', () => this.#wake());
  }

  /** Gives an order and does not wait for its end. */
  send(order: Order): void {
    if (order.kind !== 'go') this.#reports = [];
    this.#child.send(order);
  }

  /** Gives an order and waits for its end. */
  async do(order: Order): Promise<void> {
    this.send(order);
    await this.reports('done');
  }

  /** Waits until the process has reported something so often. */
  async reports(kind: Report['kind'], amount = 1): Promise<void> {
    while (this.#reports.filter(report => report.kind === kind).length < amount) {
      const failure = this.#reports.find(report => report.kind === 'failed');
      if (failure) throw new Error(failure.error);
      if (this.isOver) throw new Error(`The process ended with ${this.#child.exitCode}.`);
      await new Promise<void>(resolve => {
        this.#waiting.push(resolve);
      });
    }
  }

  /** True for a process that has ended. */
  get isOver(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async kill(): Promise<void> {
    if (this.isOver) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  #wake(): void {
    for (const go of this.#waiting.splice(0)) go();
  }
}
