import type { Viewer } from '../access/viewer.js';
import { SubscriptionRefused } from './subscription-refused.js';

/** The client for whom something is taken: a viewer, or somebody without a token, at an address. */
export interface Holder {
  readonly viewer: Viewer | null;
  /** The address in the form by which limits count. */
  readonly address: string;
}

/** How much of one thing a server gives out at once: in all, and of that to one client. */
export interface ShareLimits {
  readonly server: number;
  /** To all clients without a token together, so that viewers always find room. */
  readonly anonymous: number;
  /** To all clients of one address together, with a token or without. */
  readonly address: number;
  readonly anonymousOfAddress: number;
  readonly viewer: number;
}

/** Returns the limits of a server that gives out so much in all. */
export function shareLimits(server: number): ShareLimits {
  const part = (of: number): number => Math.max(1, Math.floor(server / of));
  return { server, anonymous: part(2), address: part(2.5), anonymousOfAddress: part(5), viewer: part(50) };
}

/** The shares of one thing that clients hold now. */
export class Shares {
  readonly #held = new Map<string, number>();

  /** Takes the name of the thing, in the plural, its limits, and what a client can do where it gets no more. */
  constructor(
    private readonly things: string,
    private readonly limits: ShareLimits,
    private readonly remedy: string,
  ) {}

  /**
   * Gives an amount to a client, and returns the function that takes it back. Errors: SubscriptionRefused, with the
   * limit and the amount that would exceed it.
   */
  take(holder: Holder, amount = 1): () => void {
    const owners = this.#ownersOf(holder);
    for (const { key, words, limit } of owners) {
      const value = (this.#held.get(key) ?? 0) + amount;
      if (value > limit)
        throw new SubscriptionRefused(
          'TOO_MANY_SUBSCRIPTIONS',
          `${words} would have ${value} ${this.things}, and ${limit} are allowed. ${this.remedy}`,
        );
    }
    for (const { key } of owners) this.#add(key, amount);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      for (const { key } of owners) this.#add(key, -amount);
    };
  }

  /** The smallest share first, so that a refusal names what the client itself can change. */
  #ownersOf({ viewer, address }: Holder): { key: string; words: string; limit: number }[] {
    const { limits } = this;
    const own = viewer
      ? [{ key: `viewer ${viewer.userId ?? viewer.role}`, words: 'You', limit: limits.viewer }]
      : [
          {
            key: `anonymous ${address}`,
            words: 'The clients of your address without a token',
            limit: limits.anonymousOfAddress,
          },
          { key: 'anonymous', words: 'The clients of this server without a token', limit: limits.anonymous },
        ];
    return [
      ...own,
      { key: `address ${address}`, words: 'The clients of your address', limit: limits.address },
      { key: 'server', words: 'This server', limit: limits.server },
    ];
  }

  #add(key: string, amount: number): void {
    const held = (this.#held.get(key) ?? 0) + amount;
    // Else every address that ever came would stay in memory.
    if (held === 0) this.#held.delete(key);
    else this.#held.set(key, held);
  }
}
