import { ApolloLink } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import type { Client } from 'graphql-ws';

/**
 * Makes a link of Apollo Client that sends subscriptions by a client of graphql-ws, and everything else by another
 * link.
 */
export function withSubscriptions(client: Client, others: ApolloLink): ApolloLink {
  return ApolloLink.split(
    ({ operationType }) => (operationType as string) === 'subscription',
    new GraphQLWsLink(client),
    others,
  );
}
