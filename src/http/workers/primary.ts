import cluster, { type Worker } from 'node:cluster';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import pTimeout from 'p-timeout';
import { RateLimiterClusterMaster } from 'rate-limiter-flexible';
import type { Config } from '../../config/config.js';
import { isOwnMessage, Questions, type OwnMetrics, type PrimaryMessage, type WorkerMessage } from './messages.js';
import { SummedMetrics } from './summed-metrics.js';

/** The longest time that a worker may take to return its metrics, in milliseconds. */
const MAX_METRICS_MS = 5000;

/** The pause before a worker that died is replaced, in milliseconds; it doubles while its successors die early. */
const MIN_RESTART_PAUSE_MS = 100;
const MAX_RESTART_PAUSE_MS = 30_000;
/** The time after which a worker that dies did not die early, in milliseconds. */
const STEADY_MS = 30_000;

/** The error of workers that cannot start; its message is what the first of them said. */
export class WorkerFailure extends Error {
  override readonly name = 'WorkerFailure';
}

/** The end of a worker's process. */
interface WorkerEnd {
  readonly code: number | null;
  readonly signal: string | null;
  /** True if the worker served before. */
  readonly hadListened: boolean;
}

/** The workers of a primary process, which replaces those that die, and keeps what all of them share. */
export class Workers {
  readonly #alive = new Set<Worker>();
  readonly #listening = new Set<Worker>();
  readonly #failures = new Map<Worker, string>();
  readonly #questions = new Questions<OwnMetrics | null>();
  readonly #sums = new SummedMetrics();
  readonly #stopping = new AbortController();
  readonly #started = Promise.withResolvers<string>();
  #kept: Promise<boolean[]> = Promise.resolve([]);

  constructor(private readonly options: { size: number; config: Config; logger: FastifyBaseLogger }) {}

  /** Starts the workers; returns their URL when all of them listen. Errors: WorkerFailure, when all have ended. */
  async start(): Promise<string> {
    const { size } = this.options;
    // A worker takes the number of workers from the primary, so that all agree on it.
    cluster.setupPrimary({ args: ['serve', '--workers', String(size)], serialization: 'advanced' });
    // Keeps the rate windows that the workers ask for.
    // oxlint-disable-next-line no-new -- it listens to the workers from now on, and nothing else is done with it
    if (this.options.config.rateLimits?.redisUrl === null) new RateLimiterClusterMaster();
    this.#kept = Promise.all(Array.from({ length: size }, () => this.#keepOne()));
    try {
      return await this.#started.promise;
    } catch (error) {
      this.kill();
      await this.#kept;
      throw error;
    }
  }

  /** Lets each worker finish its requests in flight and end; returns true if none had to cut off any. */
  async stop(): Promise<boolean> {
    this.#stopping.abort();
    for (const worker of this.#alive)
      if (this.#listening.has(worker)) tell(worker, { rollcall: 'stop' });
      else worker.process.kill('SIGKILL');
    return (await this.#kept).every(isClean => isClean);
  }

  /** Ends all workers at once. */
  kill(): void {
    this.#stopping.abort();
    for (const worker of this.#alive) worker.process.kill('SIGKILL');
  }

  /** Keeps one worker alive until the workers stop; returns true if the last one finished its requests. */
  async #keepOne(): Promise<boolean> {
    const { logger } = this.options;
    let pauseMs = MIN_RESTART_PAUSE_MS;
    let isFirst = true;
    while (!this.#stopping.signal.aborted) {
      const began = performance.now();
      const worker = cluster.fork();
      const { hadListened, ...end } = await this.#endOf(worker);
      const reason = this.#failures.get(worker);
      this.#failures.delete(worker);
      if (this.#stopping.signal.aborted) return !hadListened || end.code === 0;
      if (isFirst && !hadListened) {
        const text =
          reason ?? `A worker ended (${end.signal ?? end.code}) before it listened. Start the command again.`;
        this.#started.reject(new WorkerFailure(text));
        return false;
      }
      isFirst = false;
      pauseMs = performance.now() - began > STEADY_MS ? MIN_RESTART_PAUSE_MS : pauseMs;
      logger.error(
        { worker: worker.process.pid, ...end, reason, pauseMs },
        'a worker ended unexpectedly; another one replaces it',
      );
      await delay(pauseMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      pauseMs = Math.min(2 * pauseMs, MAX_RESTART_PAUSE_MS);
    }
    return true;
  }

  #endOf(worker: Worker): Promise<WorkerEnd> {
    this.#alive.add(worker);
    worker.on('message', (message: unknown) => {
      if (isOwnMessage<WorkerMessage>(message)) this.#hear(worker, message);
    });
    return new Promise<WorkerEnd>(resolve => {
      worker.once('exit', (code, signal) => {
        const hadListened = this.#listening.delete(worker);
        this.#sums.gone(worker.id);
        resolve({ code, signal, hadListened });
      });
      // A process that was not even made has no exit; other errors are those of messages to one that is gone.
      worker.on('error', () => {
        if (worker.process.pid === undefined) resolve({ code: null, signal: null, hadListened: false });
      });
    }).finally(() => this.#alive.delete(worker));
  }

  #hear(worker: Worker, message: WorkerMessage): void {
    const { config, size, logger } = this.options;
    switch (message.rollcall) {
      case 'here':
        tell(worker, { rollcall: 'begin', config, workers: size });
        break;
      case 'listening':
        this.#listening.add(worker);
        logger.info({ worker: worker.process.pid, listening: this.#listening.size, of: size }, 'a worker listens');
        if (this.#listening.size === size) this.#started.resolve(message.url);
        break;
      case 'failed':
        this.#failures.set(worker, message.text);
        break;
      case 'own-metrics':
        this.#questions.answer(message.id, message.metrics);
        break;
      case 'ask-metrics':
        void this.#metrics().then(text => tell(worker, { rollcall: 'metrics', id: message.id, text }));
    }
  }

  /** Returns the metrics of all workers that listen; null if one of them does not return its own. */
  async #metrics(): Promise<string | null> {
    const ofWorkers = new Map<number, OwnMetrics>();
    const answers = await Promise.all(
      [...this.#listening].map(async worker => ({ worker, own: await this.#metricsOf(worker) })),
    );
    for (const { worker, own } of answers) {
      // One that has died meanwhile is gone, and not missing.
      if (!this.#listening.has(worker)) continue;
      if (own === null) return null;
      ofWorkers.set(worker.id, own);
    }
    return this.#sums.text(ofWorkers);
  }

  #metricsOf(worker: Worker): Promise<OwnMetrics | null> {
    const gone = Promise.withResolvers<null>();
    const end = (): void => gone.resolve(null);
    worker.once('exit', end);
    const answer = this.#questions.ask(id => tell(worker, { rollcall: 'ask-own-metrics', id }));
    return pTimeout(Promise.race([answer, gone.promise]), {
      milliseconds: MAX_METRICS_MS,
      fallback: () => null,
    }).finally(() => worker.off('exit', end));
  }
}

/** Sends a message to a worker; it is lost if the worker is gone. */
function tell(worker: Worker, message: PrimaryMessage): void {
  if (worker.isConnected()) worker.send(message, () => undefined);
}
