import type { Viewer } from '../access/viewer.js';
import { SubscriptionRefused } from './subscription-refused.js';

/** A client as quotas tell it apart: a viewer, or without a token, at an address. */
export interface QuotaClient {
  readonly viewer: Viewer | null;
  /** The address in the form that limits use. */
  readonly address: string;
}

/** The most of one resource, such as subscriptions, that may be in use at once: in all, and by one client. */
export interface QuotaLimits {
  readonly server: number;
  /** The most for all clients without a token together, so that there is always room for viewers. */
  readonly anonymous: number;
  /** The most for all clients of one address together, with a token or without. */
  readonly address: number;
  readonly anonymousOfAddress: number;
  readonly viewer: number;
}

/** Returns the limits that follow from the one of the server. */
export function quotaLimits(server: number): QuotaLimits {
  const part = (of: number): number => Math.max(1, Math.floor(server / of));
  return { server, anonymous: part(2), address: part(2.5), anonymousOfAddress: part(5), viewer: part(50) };
}

/** How much of one resource each client uses, and how much it may use. */
export class ClientQuota {
  readonly #used = new Map<string, number>();

  /** Takes the name of the resource, in the plural, its limits, and what a client can do that has reached one. */
  constructor(
    private readonly resources: string,
    private readonly limits: QuotaLimits,
    private readonly remedy: string,
  ) {}

  /**
   * Reserves an amount for a client, and returns the function that releases it. Errors: SubscriptionRefused, with the
   * limit and the amount that would exceed it.
   */
  acquire(client: QuotaClient, amount = 1): () => void {
    const owners = this.#ownersOf(client);
    for (const { key, words, limit } of owners) {
      const value = (this.#used.get(key) ?? 0) + amount;
      if (value > limit)
        throw new SubscriptionRefused(
          'TOO_MANY_SUBSCRIPTIONS',
          `${words} would have ${value} ${this.resources}, and ${limit} are allowed. ${this.remedy}`,
        );
    }
    for (const { key } of owners) this.#add(key, amount);
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      for (const { key } of owners) this.#add(key, -amount);
    };
  }

  /**
   * Returns all payers of what a client uses, the smallest limit first, so that a refusal names what the
   * client itself can change.
   */
  #ownersOf({ viewer, address }: QuotaClient): { key: string; words: string; limit: number }[] {
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
    const used = (this.#used.get(key) ?? 0) + amount;
    // Otherwise every address that ever connected would stay in memory.
    if (used === 0) this.#used.delete(key);
    else this.#used.set(key, used);
  }
}
