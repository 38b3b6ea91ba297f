/**
 * The order in which the subscriptions of one client send their messages, one after another: only one message waits for
 * a client that reads slowly, however many subscriptions it has.
 */
export class SendQueue {
  /** The callbacks of the subscriptions that wait, in the order of their arrival; the first one's is sending. */
  readonly #waiting = new Set<() => void>();

  /** Takes a function that resolves when the client can take another message. */
  constructor(private readonly ready: () => Promise<unknown>) {}

  /** Adds a callback at the end of the queue; it is called once, when its subscription may send a message. */
  enqueue(send: () => void): void {
    this.#waiting.add(send);
    if (this.#waiting.size === 1) void this.#admit(send);
  }

  /** Removes a callback from the queue. If it was the first, the next one is called when the client is ready. */
  remove(send: () => void): void {
    const wasFirst = this.#first() === send;
    this.#waiting.delete(send);
    const next = this.#first();
    if (wasFirst && next) void this.#admit(next);
  }

  #first(): (() => void) | undefined {
    return this.#waiting.values().next().value;
  }

  async #admit(send: () => void): Promise<void> {
    await this.ready();
    // It may have been removed in the meantime.
    if (this.#first() === send) send();
  }
}
