import { Worker } from 'node:worker_threads';

/** The time after which a signal is sent again that was reported and had no effect, in milliseconds. */
const RESENT_AFTER_MS = 100;

/**
 * The SIGINTs that come while a server evaluates a line and that end none of its code. Node forgets one that comes when
 * the code is just ending, and does not end code that begins just after one. A signal that ends no other code ends that
 * of a thread, which reports it, and sends it again if the process is then kept busy.
 *
 * Of all code that a signal can end, Node ends what began last. So the thread runs two such codes, one within the other.
 * The inner one waits for a signal, and does not begin again before its report was read: else it would get what is sent
 * again in place of the line. The outer one is always there, because a signal would end the process without any.
 */
export class Signals {
  /** Two numbers: 1 from a report until it is read; 1 while the thread waits for a signal. */
  readonly #state = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
  readonly #thread = new Worker(
    `const { parentPort, workerData: state } = require('node:worker_threads');
    const { runInThisContext } = require('node:vm');
    const never = new Int32Array(new SharedArrayBuffer(4));
    const isInterrupted = code => {
      try {
        runInThisContext(code, { breakOnSigint: true });
      } catch (error) {
        if (error.code !== 'ERR_SCRIPT_EXECUTION_INTERRUPTED') throw error;
        return true;
      }
    };
    globalThis.inner = () => {
      Atomics.store(state, 1, 1);
      Atomics.notify(state, 1);
      Atomics.wait(never, 0, 0);
    };
    globalThis.outer = () => {
      for (;;) {
        while (Atomics.load(state, 0) === 1)
          if (Atomics.wait(state, 0, 1, ${RESENT_AFTER_MS}) === 'timed-out') process.kill(process.pid, 'SIGINT');
        if (!isInterrupted('inner()')) continue;
        Atomics.store(state, 1, 0);
        if (Atomics.exchange(state, 0, 1) === 0) parentPort.postMessage('interrupted');
      }
    };
    while (isInterrupted('outer()'));`,
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
