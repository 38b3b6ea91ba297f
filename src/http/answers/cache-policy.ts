import type { ApolloServerPlugin, GraphQLRequestContextWillSendResponse, GraphQLRequestListener } from '@apollo/server';
import { ApolloServerPluginCacheControl } from '@apollo/server/plugin/cacheControl';
import { ApolloServerPluginCacheControlDisabled } from '@apollo/server/plugin/disabled';
import type { Context } from '../../graphql/context.js';

/**
 * Gives the Apollo plugins that say which caches may keep an answer (Cache-Control).
 *
 * Shared caches may keep only what was asked by GET, without a token, has no error, and whose every field has a public
 * hint in the schema. Apollo reads hints at each field, which costs time, so only such requests have them read.
 */
export function cachePolicy(): ApolloServerPlugin<Context>[] {
  const hints = ApolloServerPluginCacheControl({ calculateHttpHeaders: false });
  const plain: GraphQLRequestListener<Context> = { willSendResponse: answer => Promise.resolve(setHeaders(answer)) };
  const plainly = Promise.resolve(plain);
  return [
    // Else Apollo adds its own, for every request.
    ApolloServerPluginCacheControlDisabled(),
    {
      async serverWillStart(service) {
        await hints.serverWillStart?.(service);
      },
      async requestDidStart(request) {
        if (!mayBePublic(request)) return plainly;
        const { executionDidStart } = (await hints.requestDidStart?.(request)) ?? {};
        return { ...plain, ...(executionDidStart && { executionDidStart }) };
      },
    },
  ];
}

function mayBePublic({
  request: { http },
}: {
  readonly request: GraphQLRequestContextWillSendResponse<Context>['request'];
}): boolean {
  return http?.method === 'GET' && !http.headers.has('authorization');
}

function setHeaders(answer: GraphQLRequestContextWillSendResponse<Context>): void {
  const { request, response, overallCachePolicy } = answer;
  if (request.http?.method !== 'GET') return;
  const { headers } = response.http;
  if (response.body.kind !== 'single' || response.body.singleResult.errors) headers.set('cache-control', 'no-store');
  else {
    const policy = mayBePublic(answer) ? overallCachePolicy.policyIfCacheable() : null;
    headers.set('cache-control', policy?.scope === 'PUBLIC' ? `public, max-age=${policy.maxAge}` : 'private, no-cache');
  }
}
