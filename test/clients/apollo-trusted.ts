import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import {
  generatePersistedQueryIdsFromManifest,
  type PersistedQueryManifestForGeneratingPersistedQueryIds,
} from '@apollo/persisted-query-lists';

/** Makes a client that sends the id of each operation in place of its text, as in the manifest. */
export function trustedApolloClient(
  uri: string,
  loadManifest: () => Promise<PersistedQueryManifestForGeneratingPersistedQueryIds>,
): ApolloClient {
  const ids = new PersistedQueryLink(generatePersistedQueryIdsFromManifest({ loadManifest }));
  return new ApolloClient({ link: ApolloLink.from([ids, new HttpLink({ uri })]), cache: new InMemoryCache() });
}
