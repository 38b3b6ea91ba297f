import { mostRecentlyUsed } from './most-recently-used.js';
import type { TokenClaims } from './token-users.js';

/** The most tokens that are remembered; the least recently used is forgotten first. */
const MAX_VERIFIED_TOKENS = 5000;

/** A token that was verified. */
interface VerifiedToken {
  readonly claims: TokenClaims;
  /** The moment from which it is no longer accepted, in milliseconds since 1970. */
  readonly expiry: number;
  /** The keys with which it was verified. */
  readonly keys: unknown;
}

/**
 * The tokens whose signatures and claims were verified. Verifying one again would give the same result until it expires,
 * or until there are other keys: only time changes it.
 */
export class VerifiedTokens {
  readonly #tokens = mostRecentlyUsed<string, VerifiedToken>(MAX_VERIFIED_TOKENS);

  /**
   * `keysInUse` returns what identifies the keys that verify tokens now; null: a token must not be accepted without
   * another look at the keys.
   */
  constructor(
    readonly keysInUse: () => unknown,
    private readonly now: () => number = Date.now,
  ) {}

  /** Returns the claims of a token that was verified and is still valid. */
  claimsOf(token: string): TokenClaims | undefined {
    const known = this.#tokens.get(token);
    if (!known) return undefined;
    const keys = this.keysInUse();
    if (keys !== null && known.keys === keys && this.now() < known.expiry) return known.claims;
    this.#tokens.delete(token);
    return undefined;
  }

  /** Remembers a token that was just verified; `keys` are those that were in use when that began. */
  remember(token: string, claims: TokenClaims, expiry: number, keys: unknown): void {
    if (keys === null) return;
    this.#tokens.set(token, { claims, expiry, keys });
  }
}
