import type { ApolloServerPlugin } from '@apollo/server';
import { mostRecentlyUsed } from '../../access/most-recently-used.js';
import type { Context } from '../../graphql/context.js';

/** The most hashes that are remembered; the least recently used is forgotten first. */
const MAX_HASHES = 1000;

/** The most characters of a text that is remembered. */
const MAX_PERSISTED_CHARACTERS = 16_384;

/** The texts of persisted queries that clients have asked for by their hashes. */
export class PersistedTexts {
  readonly #byHash = mostRecentlyUsed<string, string>(MAX_HASHES);

  /** Returns the text of a hash that Apollo Server has found before. */
  textOf(hash: string): string | undefined {
    return this.#byHash.get(hash);
  }

  /** Returns the Apollo plugin that remembers the hashes that are found. */
  plugin(): ApolloServerPlugin<Context> {
    const listening = Promise.resolve({
      didResolveSource: ({
        metrics,
        queryHash,
        source,
      }: {
        readonly metrics: { readonly persistedQueryHit?: boolean };
        readonly queryHash: string;
        readonly source: string;
      }): Promise<void> => {
        if (metrics.persistedQueryHit === true && source.length <= MAX_PERSISTED_CHARACTERS)
          this.#byHash.set(queryHash, source);
        return Promise.resolve();
      },
    });
    return { requestDidStart: () => listening };
  }
}
