/**
 * Limits the messages that are made before the event loop goes on to other work: each takes about 70 µs, more with much
 * in it.
 */
const MAX_AT_ONCE = 100;

/**
 * Lets subscriptions make their messages in turns, so that thousands of messages at once do not stop the rest of the
 * server.
 */
export class Turns {
  #waiting: (() => void)[] = [];

  /** Comes back when it is the caller's turn. */
  next(): Promise<void> {
    return new Promise(go => {
      this.#waiting.push(go);
      if (this.#waiting.length === 1) setImmediate(() => this.#go());
    });
  }

  #go(): void {
    const waiting = this.#waiting;
    this.#waiting = waiting.slice(MAX_AT_ONCE);
    if (this.#waiting.length > 0) setImmediate(() => this.#go());
    for (const go of waiting.slice(0, MAX_AT_ONCE)) go();
  }
}
