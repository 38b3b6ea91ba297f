/**
 * The most messages that are made in one turn of the event loop: each takes up to 70 µs, and more with many fields.
 */
const MAX_MESSAGES_PER_TURN = 100;

/**
 * A limit for all subscriptions together, so that making thousands of messages at once does not stop the rest of the
 * server.
 */
export class MessageThrottle {
  #waiting: (() => void)[] = [];

  /** Resolves when the caller may make a message. */
  next(): Promise<void> {
    return new Promise(resolve => {
      this.#waiting.push(resolve);
      if (this.#waiting.length === 1) setImmediate(() => this.#admit());
    });
  }

  #admit(): void {
    const waiting = this.#waiting;
    this.#waiting = waiting.slice(MAX_MESSAGES_PER_TURN);
    if (this.#waiting.length > 0) setImmediate(() => this.#admit());
    for (const resolve of waiting.slice(0, MAX_MESSAGES_PER_TURN)) resolve();
  }
}
