import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from 'jose';

/** The age at which keys are fetched again, in milliseconds; the old ones stay in use meanwhile. */
const MAX_KEYS_AGE_MS = 600_000;
/**
 * The time between two fetches for unknown keys, in milliseconds: tokens with made-up keys must not cause a request
 * each.
 */
const UNKNOWN_KEY_COOLDOWN_MS = 30_000;
/** The time for which no request is sent to the provider after it failed to answer, in milliseconds. */
const FAILURE_COOLDOWN_MS = 1000;
/** The longest time that the provider may take to answer, in milliseconds. */
const MAX_ANSWER_MS = 5000;
/** The largest key set, in bytes; a set of ten RSA keys has 5,000. */
const MAX_KEY_SET_BYTES = 262_144;

/** The options of a key set. */
export interface PublishedKeysOptions {
  /** The time, in milliseconds. */
  readonly now?: () => number;
  /**
   * Called once when the provider does not return its keys, with whether some are known, and once when it does again
   * (null).
   */
  readonly onTrouble?: (error: unknown, areKnown: boolean) => void;
  /** Called for each token that is checked with outdated keys because new ones cannot be fetched. */
  readonly onStaleUse?: () => void;
}

/** The keys that an identity provider publishes. */
export interface PublishedKeys {
  /** The function by which jose finds the key of a token. */
  readonly find: JWTVerifyGetKey;
  /** Returns what identifies the keys that are known; null: there are none yet, or they are to be fetched again. */
  readonly inUse: () => number | null;
}

/**
 * Returns the keys that an identity provider publishes.
 *
 * Keys are fetched with the first token, and again every ten minutes or for an unknown key. While the provider does not
 * answer, the known keys stay in use; if there are none, the provider's error is thrown.
 */
export function publishedKeys(
  url: string,
  {
    now = () => performance.now(),
    onTrouble = () => undefined,
    onStaleUse = () => undefined,
  }: PublishedKeysOptions = {},
): PublishedKeys {
  let failed: { at: number; error: unknown } | null = null;
  let fetchedAt = Number.NEGATIVE_INFINITY;
  const keys = createRemoteJWKSet(new URL(url), {
    // jose must not let keys expire, because it would drop known keys before there are new ones; they are renewed
    // below.
    cacheMaxAge: Number.POSITIVE_INFINITY,
    cooldownDuration: UNKNOWN_KEY_COOLDOWN_MS,
    timeoutDuration: MAX_ANSWER_MS,
    async [customFetch](address: string, options) {
      if (failed && now() - failed.at < FAILURE_COOLDOWN_MS) throw failed.error;
      try {
        const response = await boundedResponse(await fetch(address, options));
        if (failed) onTrouble(null, true);
        failed = null;
        fetchedAt = now();
        return response;
      } catch (error) {
        if (!failed) onTrouble(error, keys.jwks() !== undefined);
        failed = { at: now(), error };
        throw error;
      }
    },
  });
  const areOld = (): boolean => now() - fetchedAt >= MAX_KEYS_AGE_MS;
  const find: JWTVerifyGetKey = (header, token) => {
    if (keys.jwks() && areOld()) {
      if (failed) onStaleUse();
      // In the background: this token is checked with the known keys.
      if (!keys.reloading) keys.reload().catch(() => undefined); // onTrouble has reported the failure.
    }
    return keys(header, token);
  };
  return { find, inUse: () => (areOld() ? null : fetchedAt) };
}

/** Returns a response that has been read completely and is a key set. Errors: one that says what it is instead. */
async function boundedResponse(response: Response): Promise<Response> {
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`The identity provider answered ${response.status} for its keys.`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_KEY_SET_BYTES)
      throw new Error(`The identity provider's key set has more than ${MAX_KEY_SET_BYTES} bytes.`);
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  if (!isKeySet(text))
    throw new Error('The identity provider answered with something that is not a key set, or one without keys.');
  return new Response(text, { status: 200, headers: { 'content-type': 'application/json' } });
}

function isKeySet(text: string): boolean {
  try {
    const { keys } = JSON.parse(text) as { keys?: unknown };
    // An empty set would sign everybody out, which no provider intends.
    return Array.isArray(keys) && keys.length > 0 && keys.every(key => typeof key === 'object' && key !== null);
  } catch {
    return false;
  }
}
