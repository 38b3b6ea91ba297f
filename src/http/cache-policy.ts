import type { ApolloServerPlugin, GraphQLRequestContextWillSendResponse, GraphQLRequestListener } from '@apollo/server';
import { ApolloServerPluginCacheControlDisabled } from '@apollo/server/plugin/disabled';
import { publicFor } from '../graphql/cache-hints.js';
import type { Context } from '../graphql/context.js';

/**
 * Gives the Apollo plugins that say which caches may keep an answer (Cache-Control).
 *
 * Shared caches may keep only what was asked by GET, without a token, has no error, and whose every field has a public
 * hint in the schema. Apollo would read the hints at each field of each answer; they are the operation's, so once is enough.
 */
export function cachePolicy(): ApolloServerPlugin<Context>[] {
  const listener: GraphQLRequestListener<Context> = { willSendResponse: answer => Promise.resolve(setHeaders(answer)) };
  const listening = Promise.resolve(listener);
  return [ApolloServerPluginCacheControlDisabled(), { requestDidStart: () => listening }];
}

function setHeaders({ request: { http }, response, schema, document, operation }: GraphQLRequestContextWillSendResponse<Context>): void {
  if (http?.method !== 'GET') return;
  const { headers } = response.http;
  if (response.body.kind !== 'single' || response.body.singleResult.errors || !document || !operation) headers.set('cache-control', 'no-store');
  else {
    const seconds = http.headers.has('authorization') ? 0 : publicFor(schema, document, operation);
    headers.set('cache-control', seconds > 0 ? `public, max-age=${seconds}` : 'private, no-cache');
  }
}
