import { subscriptionExchange, type Exchange } from '@urql/core';
import type { Client } from 'graphql-ws';

/** Makes an exchange of urql that sends subscriptions by a client of graphql-ws; it goes after the cache. */
export function subscriptionsBy(client: Client): Exchange {
  return subscriptionExchange({
    forwardSubscription: ({ query, variables }) => ({
      subscribe: sink => ({ unsubscribe: client.subscribe({ query: query!, variables }, sink) }),
    }),
  });
}
