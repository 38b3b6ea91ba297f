import { channel } from 'node:diagnostics_channel';
import { DriverException } from '@mikro-orm/core';
import type { TimeLimit } from '../time-limits/time-limit.js';
import { waitEnd, waitStart } from '../time-limits/waits.js';

/** The things that work waits for in this process: a connection to the database, or the turn to lock a course. */
export const awaitedThings = ['connection', 'course'] as const;
export type AwaitedThing = (typeof awaitedThings)[number];

/** The reasons why a wait is refused: it took too long, or too many wait already. */
export const waitRefusals = ['time', 'length'] as const;
export type WaitRefusal = (typeof waitRefusals)[number];

/** Publishes each refused wait, as WaitRefused. */
export const refusedWaits = channel('rollcall:refused-wait');

/** The rule for a wait. */
export interface WaitRule {
  /** The longest wait, in milliseconds; that of a change lasts as long as its time limit, if that is longer. */
  readonly maxWaitMs: number;
  /**
   * Whether it is the wait of a change, which ends while enough of the request's time is left for the work itself; any
   * other may take all of that time.
   */
  readonly leavesTimeToWork: boolean;
}

/**
 * The most callers that wait in one queue; each takes some hundred bytes of memory, and any after them would wait in
 * vain.
 */
const MAX_WAITING_CALLERS = 5000;

/**
 * A wait that was refused, so that the work was not begun; one of MikroORM's errors, so that MikroORM passes it on
 * unchanged.
 */
export class WaitRefused extends DriverException {
  constructor(
    readonly thing: AwaitedThing,
    readonly refusal: WaitRefusal,
  ) {
    super(
      new Error(
        `The wait for a ${thing} was refused: ${refusal === 'time' ? 'it took too long' : `${MAX_WAITING_CALLERS} are waiting already`}.`,
      ),
    );
  }
}

/** A caller that waits, and the moment since which it waits, by performance.now(). */
interface Waiting<Companion> {
  readonly since: number;
  /** What the caller whose turn it is may take along instead of this one's own turn. */
  readonly companion: Companion | undefined;
  readonly go: (hasTurn: boolean) => void;
}

/**
 * The callers that wait for one thing, in the order in which they began to wait, even if that was for something else
 * that they got in the meantime: a caller that has waited for others of the same course does not stand behind all that
 * came later to wait for a connection.
 */
export class WaitQueue<Companion = never> {
  readonly #waiting: Waiting<Companion>[] = [];

  constructor(
    private readonly thing: AwaitedThing,
    private readonly rule: WaitRule,
  ) {}

  get length(): number {
    return this.#waiting.length;
  }

  /** The moment since which the first caller waits; undefined if nobody waits. */
  get first(): number | undefined {
    return this.#waiting[0]?.since;
  }

  /**
   * Resolves with true when it is the caller's turn, which the caller then passes on; with false when another caller
   * has taken its companion along, so that it needs no turn. Errors: WorkStopped if the limit ends before that,
   * WaitRefused if the wait takes too long or the queue is full; then the caller has left the queue.
   */
  wait(limit: TimeLimit | undefined, companion?: Companion): Promise<boolean> {
    if (this.#waiting.length >= MAX_WAITING_CALLERS) return Promise.reject(this.#refused('length'));
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
      const end =
        leavesTimeToWork && limit
          ? Math.min(waitEnd(Math.max(maxWaitMs, limit.millisecondsLeft)), limit.lastStart)
          : waitEnd(maxWaitMs);
      const timer = setTimeout(() => leave(this.#refused('time')), Math.max(0, end - performance.now()));
      const over = (): void => {
        clearTimeout(timer);
        limit?.signal.removeEventListener('abort', stop);
      };
      const waiting: Waiting<Companion> = {
        since: waitStart(),
        companion,
        go: hasTurn => {
          over();
          resolve(hasTurn);
        },
      };
      // Most callers are the latest.
      const place = this.#waiting.findLastIndex(({ since }) => since <= waiting.since) + 1;
      this.#waiting.splice(place, 0, waiting);
      limit?.signal.addEventListener('abort', stop, { once: true });
    });
  }

  /** Passes the turn to the caller that has waited longest. Returns false if nobody waits. */
  admitNext(): boolean {
    const first = this.#waiting.shift();
    first?.go(true);
    return first !== undefined;
  }

  /**
   * Takes along the companions of the callers that have waited longest, until one has none that fits; no caller is
   * overtaken.
   */
  takeAlong(fits: (companion: Companion) => boolean, most: number): Companion[] {
    const taken: Companion[] = [];
    while (taken.length < most) {
      const companion = this.#waiting[0]?.companion;
      if (companion === undefined || !fits(companion)) break;
      taken.push(companion);
      this.#waiting.shift()!.go(false);
    }
    return taken;
  }

  #refused(refusal: WaitRefusal): WaitRefused {
    const error = new WaitRefused(this.thing, refusal);
    refusedWaits.publish(error);
    return error;
  }
}
