import type { EventEmitter } from 'node:events';
import { start, type REPLServer } from 'node:repl';
import { PassThrough, Writable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { currentLimit, unlessStopped } from '../../database/time-limits/time-limit.js';
import { INTERRUPTED } from './error-text.js';
import type { Keyboard } from './keyboard.js';
import type { ShellNames } from './names.js';
import type { Session } from './session.js';

/** The evaluation of a REPL server, which knows await outside of functions. */
type Evaluate = REPLServer['eval'];

/** The name of the lines in the places of errors. */
const LINES_NAME = 'shell';

/** Puts the names of the shell where its lines find them; the returned function takes them away. */
export function nameIn(context: object, names: ReturnType<ShellNames['all']>): () => void {
  for (const [name, { value }] of names)
    Object.defineProperty(context, name, { value, configurable: true, enumerable: true, writable: true });
  return () => {
    for (const name of names.keys()) Reflect.deleteProperty(context, name);
  };
}

/** The evaluation of lines in the transaction of a session. */
export class Evaluator {
  readonly #evaluate: Evaluate;
  /** What Node's server does at Ctrl+C: it stops waiting for a promise or, if it waits for none, clears what is typed. */
  readonly #onInterrupt: () => void;
  #isRunning = false;
  /** Fails the code that is being evaluated; null: none is. */
  #fail: ((error: unknown) => void) | null = null;
  /** The failures that no code has handled. */
  readonly #strays: unknown[] = [];

  constructor(
    private readonly session: Session,
    private readonly names: ShellNames,
    private readonly server: REPLServer,
    /** Where a person types the lines; null: nobody does. */
    private readonly keyboard: Keyboard | null = null,
  ) {
    this.#evaluate = server.eval;
    const listeners = server.listeners('SIGINT') as (() => void)[];
    this.#onInterrupt = () => {
      for (const listener of listeners) listener.call(server);
    };
    server.removeAllListeners('SIGINT').on('SIGINT', () => this.interrupt());
    process.on('unhandledRejection', this.#noteStray);
    // Node's server reports most errors to its domain, whose listener prints them, and not to who evaluates.
    const { _domain: domain } = server as unknown as { readonly _domain?: EventEmitter };
    domain?.removeAllListeners('error').on('error', (error: unknown) => {
      if (this.#fail) this.#fail(error);
      else this.#noteStray(error);
    });
  }

  /**
   * Evaluates code, and returns its value, for which it waits if it is a promise. Errors: those of the code, of which
   * nothing is then changed; `Recoverable` if it is not complete yet.
   */
  async valueOf(code: string): Promise<unknown> {
    this.#isRunning = true;
    try {
      return await this.session.line(() => this.#line(code));
    } finally {
      this.#isRunning = false;
    }
  }

  /** Stops the line that runs, whatever it waits for; if none does, clears what is typed. */
  interrupt(): void {
    if (this.#isRunning) this.session.interrupt();
    else this.#onInterrupt();
  }

  /** Evaluates a part of a line, such as for completion, without a transaction. */
  readonly evaluateAlone: Evaluate = (code, context, file, done) =>
    this.#evaluate.call(this.server, code, context, file, done);

  /** Throws the first failure that no code has handled. */
  requireNoStray(): void {
    const strays = this.#strays.splice(0);
    if (strays.length > 0) throw strays[0];
  }

  close(): void {
    process.off('unhandledRejection', this.#noteStray);
  }

  async #line(code: string): Promise<unknown> {
    try {
      const value = await unlessStopped(this.#evaluated(code).then(evaluated => evaluated.value));
      await this.names.settled();
      // What nobody awaits is reported after that.
      await nextTurn();
      this.requireNoStray();
      return value;
    } catch (error) {
      if ((error as { code?: unknown } | null)?.code === INTERRUPTED) this.session.interrupt();
      await this.names.settled();
      await nextTurn();
      // The line has failed anyway.
      this.#strays.length = 0;
      throw error;
    }
  }

  /** The value is within an object, because it may be a promise that is still to be awaited. */
  async #evaluated(code: string): Promise<{ value: unknown }> {
    await this.keyboard?.takeSignals();
    const limit = currentLimit();
    const { promise, resolve, reject } = Promise.withResolvers<{ value: unknown }>();
    let isAwaited = true;
    const done = (error: unknown, value?: unknown): void => {
      isAwaited = false;
      if (error) reject(error);
      else resolve({ value });
    };
    const stop = (): void => {
      if (isAwaited) this.#onInterrupt();
    };
    const evaluate = (): void => {
      this.#fail = done;
      // Ctrl+C can also end Node's own code around that of the line, and then nothing more of this function is run.
      const ended = setTimeout(() => done(Object.assign(new Error('Interrupted.'), { code: INTERRUPTED })), 0);
      this.#evaluate.call(this.server, code, this.server.context, LINES_NAME, done);
      clearTimeout(ended);
      this.keyboard?.setRawMode(true);
      // Only from here on: before, Node's server waits for nothing yet, and would clear what is typed.
      limit?.onStop(stop);
    };
    try {
      limit?.check();
      setImmediate(evaluate);
      return await promise;
    } finally {
      this.keyboard?.setRawMode(true);
      limit?.offStop(stop);
      this.#fail = null;
    }
  }

  readonly #noteStray = (reason: unknown): void => void this.#strays.push(reason);
}

/** Returns a server that only evaluates: nobody types, and nothing is printed. */
export function silentServer(): REPLServer {
  const output = new Writable({ write: (_chunk, _encoding, done) => done() });
  return start({ prompt: '', input: new PassThrough(), output, terminal: false, useGlobal: true });
}
