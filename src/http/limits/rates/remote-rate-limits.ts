import type { FastifyBaseLogger } from 'fastify';
import pTimeout from 'p-timeout';
import type { RateLimiterAbstract } from 'rate-limiter-flexible';
import type { Allowance } from '../../../config/config-values.js';
import { giveBackTo, takeFrom, type WindowState, type Windows } from './windows.js';

/** The time for which a keeper is not asked after it has failed to answer, in milliseconds; requests pass meanwhile. */
export const KEEPER_PAUSE_MS = 1000;

/** How rate windows that another process keeps are asked for. */
export interface RemoteOptions {
  readonly logger: FastifyBaseLogger;
  /** The process that keeps the windows, as the log names it. */
  readonly keeper: string;
  /** The longest time that a request waits for an answer, in milliseconds. */
  readonly maxWaitMs: number;
  readonly pauseMs?: number | undefined;
}

/** Rate windows that another process keeps for several servers. While it cannot be reached, requests pass. */
export abstract class RemoteRateLimits {
  readonly #options: RemoteOptions;
  readonly #pauseMs: number;
  /** During an outage, the moment from which the keeper may be asked again; null if it answers. */
  #askAgainAt: number | null = null;
  #isClosed = false;
  /** The number of charges that passed unchecked because the keeper could not be reached. */
  unchecked = 0;

  constructor(options: RemoteOptions) {
    this.#options = options;
    this.#pauseMs = options.pauseMs ?? KEEPER_PAUSE_MS;
  }

  /** True if Redis is the keeper. */
  abstract readonly isRedis: boolean;

  /** Connects to the keeper; on failure it logs the outage and continues. */
  abstract connect(): Promise<void>;

  /** Returns the windows of the limit with a name. */
  abstract windows(name: string, allowance: Allowance): Windows;

  /** True if the keeper answered when it was last asked. */
  get isReachable(): boolean {
    return this.#askAgainAt === null;
  }

  /** Charges pass from now on. */
  close(): void {
    this.#isClosed = true;
  }

  /** Returns the windows that a limiter of the keeper has; `began` is told each client whose window has begun. */
  protected windowsOf(limiter: RateLimiterAbstract, began: (client: string) => void = () => undefined): Windows {
    return {
      take: async (client, points) => {
        const taken = await this.#asked(() => takeFrom(limiter, client, points));
        if (taken?.isFirst) began(client);
        return taken ?? this.#pass();
      },
      giveBack: (client, points) => this.#asked(() => giveBackTo(limiter, client, points)),
    };
  }

  /** Returns why the keeper did not answer. */
  protected reasonOf(error: unknown): string {
    return (error as Error).message;
  }

  /** Returns the answer of the keeper; null if there is none. */
  async #asked(ask: () => Promise<WindowState>): Promise<WindowState | null> {
    if (!this.#mayAsk()) return null;
    try {
      const taken = await this.#inTime(ask());
      this.#answered();
      return taken;
    } catch (error) {
      this.failed(error);
      return null;
    }
  }

  /** Returns true while the keeper answers, and during an outage for one request after each pause. */
  #mayAsk(): boolean {
    if (this.#isClosed) return false;
    if (this.#askAgainAt === null) return true;
    if (performance.now() < this.#askAgainAt) return false;
    this.#askAgainAt = performance.now() + this.#pauseMs;
    return true;
  }

  /** Returns the answer of the keeper. Errors: those of the keeper, and an answer that takes too long. */
  #inTime<Answer>(answer: Promise<Answer>): Promise<Answer> {
    return pTimeout(answer, {
      milliseconds: this.#options.maxWaitMs,
      // The error is made only when it is thrown: each request passes here.
      fallback: (): never => {
        throw new Error(`no answer within ${this.#options.maxWaitMs} ms`);
      },
      // First read what has arrived: if this process was busy, the keeper may have answered in time.
      customTimers: {
        setTimeout: ((late: () => void, ms: number) => setTimeout(() => setImmediate(late), ms)) as typeof setTimeout,
        clearTimeout,
      },
    });
  }

  #pass(): null {
    this.unchecked += 1;
    return null;
  }

  #answered(): void {
    if (this.#askAgainAt === null) return;
    this.#askAgainAt = null;
    this.#options.logger.info(`${this.#options.keeper} answers again, so rates are limited again`);
  }

  /** Begins an outage, or continues it. */
  protected failed(error: unknown): void {
    if (this.#isClosed) return;
    if (this.#askAgainAt === null)
      this.#options.logger.warn(
        { reason: this.reasonOf(error) },
        `${this.#options.keeper} cannot be reached, so requests pass without a rate limit until it answers`,
      );
    this.#askAgainAt = performance.now() + this.#pauseMs;
  }
}
