import { channel } from 'node:diagnostics_channel';
import { DriverException } from '@mikro-orm/core';
import type { TimeLimit } from '../time-limits/time-limit.js';
import { waitEnd, waitStart } from '../time-limits/waits.js';

/** The things that are waited for in this process: a connection to the database, or the turn to lock a course. */
export const awaitedThings = ['connection', 'course'] as const;
export type AwaitedThing = (typeof awaitedThings)[number];

/** The reasons why a wait is refused: it took too long, or too many wait already. */
export const waitRefusals = ['time', 'length'] as const;
export type WaitRefusal = (typeof waitRefusals)[number];

/** Publishes each wait that was refused, as NoTurn. */
export const refusedWaits = channel('rollcall:refused-wait');

/** The rule for a wait. */
export interface WaitRule {
  /** The longest wait, in milliseconds. */
  readonly maxWaitMs: number;
  /**
   * Whether a wait ends while enough of the request's time is left to do what is waited for; if not, it may take all of
   * that time.
   */
  readonly leavesTimeToWork: boolean;
}

/**
 * The most that wait in one line; each is some hundred bytes of memory, and those behind so many would wait in vain.
 */
const MAX_WAITING = 5000;

/**
 * Reports that work was not begun because its turn did not come; one of MikroORM's errors, so that MikroORM passes it
 * on unchanged.
 */
export class NoTurn extends DriverException {
  constructor(
    readonly thing: AwaitedThing,
    readonly refusal: WaitRefusal,
  ) {
    super(
      new Error(
        `The turn for a ${thing} did not come: ${refusal === 'time' ? 'others were at work for too long' : `${MAX_WAITING} wait already`}.`,
      ),
    );
  }
}

/** A caller that waits, and since when, as a moment of performance.now(). */
interface Waiting {
  readonly since: number;
  readonly go: () => void;
}

/**
 * The callers that wait for one thing, in the order in which they began to wait, even if that was for something else
 * that they have had meanwhile: a caller that has waited for others of the same course does not stand behind all that
 * came later to wait for a connection.
 */
export class WaitingLine {
  readonly #waiting: Waiting[] = [];

  constructor(
    private readonly thing: AwaitedThing,
    private readonly rule: WaitRule,
  ) {}

  get length(): number {
    return this.#waiting.length;
  }

  /** The moment since which the first caller waits; undefined: nobody waits. */
  get first(): number | undefined {
    return this.#waiting[0]?.since;
  }

  /**
   * Resolves when it is the caller's turn, which the caller then passes on. Errors: WorkStopped if the limit ends
   * before that, NoTurn if the wait takes too long or the line is full; then the caller has left the line.
   */
  wait(limit: TimeLimit | undefined): Promise<void> {
    if (this.#waiting.length >= MAX_WAITING) return Promise.reject(this.#refused('length'));
    return new Promise((resolve, reject) => {
      const leave = (error: unknown): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        over();
        reject(error);
      };
      const stop = (): void => {
        if (limit!.reason === 'deadline') limit!.refusal = this.#refused('time');
        leave(limit!.signal.reason);
      };
      const { maxWaitMs, leavesTimeToWork } = this.rule;
      const end = Math.min(waitEnd(maxWaitMs), leavesTimeToWork && limit ? limit.lastStart : Infinity);
      const timer = setTimeout(() => leave(this.#refused('time')), Math.max(0, end - performance.now()));
      const over = (): void => {
        clearTimeout(timer);
        limit?.signal.removeEventListener('abort', stop);
      };
      const waiting: Waiting = {
        since: waitStart(),
        go: () => {
          over();
          resolve();
        },
      };
      // Most begin to wait last.
      const place = this.#waiting.findLastIndex(({ since }) => since <= waiting.since) + 1;
      this.#waiting.splice(place, 0, waiting);
      limit?.signal.addEventListener('abort', stop, { once: true });
    });
  }

  /** Gives the turn to the caller that has waited longest. Returns false if nobody waits. */
  giveOn(): boolean {
    const first = this.#waiting.shift();
    first?.go();
    return first !== undefined;
  }

  #refused(refusal: WaitRefusal): NoTurn {
    const error = new NoTurn(this.thing, refusal);
    refusedWaits.publish(error);
    return error;
  }
}
