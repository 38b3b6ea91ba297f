/**
 * The way out to one client, which its subscriptions use one after another: so that only one message waits for a client
 * that reads slowly, however many subscriptions it has.
 */
export class Outlet {
  /** Those that wait, in the order in which they came; the first is at work. */
  readonly #line = new Set<() => void>();

  /** Takes what comes back when the client can take another message. */
  constructor(private readonly ready: () => Promise<unknown>) {}

  /** Puts one at the end of the line; it is called, once, when it may send a message. */
  enter(go: () => void): void {
    this.#line.add(go);
    if (this.#line.size === 1) void this.#admit(go);
  }

  /** Lets the next one go, where this one was at work, or takes this one out of the line. */
  leave(go: () => void): void {
    const wasFirst = this.#first() === go;
    this.#line.delete(go);
    const next = this.#first();
    if (wasFirst && next) void this.#admit(next);
  }

  #first(): (() => void) | undefined {
    return this.#line.values().next().value;
  }

  async #admit(go: () => void): Promise<void> {
    await this.ready();
    // It may have left meanwhile.
    if (this.#first() === go) go();
  }
}
