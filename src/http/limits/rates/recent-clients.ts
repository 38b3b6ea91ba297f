/** The clients whose windows began most recently, so that the memory of windows has a limit. */
export class RecentClients {
  /** A ring buffer of clients in the order in which their windows began: the next one replaces the first. */
  readonly #ring: string[] = [];
  #next = 0;
  /** The place of each client's latest window in the ring buffer. */
  readonly #places = new Map<string, number>();

  constructor(private readonly max: number) {}

  /** Adds a client whose window has begun; returns the client whose window must be removed for it, or null. */
  add(client: string): string | null {
    const place = this.#next;
    this.#next = (place + 1) % this.max;
    const first = this.#ring[place];
    this.#ring[place] = client;
    const isLatest = first !== undefined && this.#places.get(first) === place;
    if (isLatest) this.#places.delete(first);
    this.#places.set(client, place);
    // If the client's window has ended and begun again, the new one is kept.
    return isLatest && first !== client ? first : null;
  }
}
