import { Worker } from 'node:worker_threads';

/** The time after which a signal that was reported and not heeded is sent again, in milliseconds. */
const AGAIN_MS = 100;

/**
 * The SIGINTs that come while a server evaluates a line and that end none of its code. Node forgets one that comes when
 * the code is just ending, and does not end code that begins just after one. A signal that ends no other code ends that
 * of a thread, which reports it, and sends it again if the process is then kept busy.
 */
export class Signals {
  /** Two numbers: 1 from a report until it is read; 1 while the thread waits. */
  readonly #state = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
  readonly #thread = new Worker(
    `const { parentPort, workerData: state } = require('node:worker_threads');
    const { runInThisContext } = require('node:vm');
    let isAgain = false;
    globalThis.wait = () => {
      Atomics.store(state, 1, 1);
      Atomics.notify(state, 1);
      for (;;) {
        Atomics.wait(state, 0, 0);
        if (Atomics.wait(state, 0, 1, ${AGAIN_MS}) !== 'timed-out') continue;
        isAgain = true;
        process.kill(process.pid, 'SIGINT');
      }
    };
    for (;;) {
      try {
        runInThisContext('wait()', { breakOnSigint: true });
      } catch (error) {
        if (error.code !== 'ERR_SCRIPT_EXECUTION_INTERRUPTED') throw error;
        Atomics.store(state, 1, 0);
        if (!isAgain && Atomics.exchange(state, 0, 1) === 0) parentPort.postMessage('interrupted');
        isAgain = false;
      }
    }`,
    { eval: true, workerData: this.#state },
  );

  constructor(onSignal: () => void) {
    this.#thread.on('message', () => {
      Atomics.store(this.#state, 0, 0);
      Atomics.notify(this.#state, 0);
      onSignal();
    });
  }

  /** Resolves when the thread waits for a signal. */
  async ready(): Promise<void> {
    await Atomics.waitAsync(this.#state, 1, 0).value;
  }

  async close(): Promise<void> {
    await this.#thread.terminate();
  }
}
