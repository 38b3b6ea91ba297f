import type { ApolloServerPlugin, GraphQLRequestContextWillSendResponse, GraphQLRequestListener } from '@apollo/server';
import { ApolloServerPluginCacheControl } from '@apollo/server/plugin/cacheControl';
import { ApolloServerPluginCacheControlDisabled } from '@apollo/server/plugin/disabled';
import type { Context } from '../../graphql/context.js';

/**
 * Returns the Apollo plugins that set Cache-Control, which says which caches may store an answer.
 *
 * A shared cache may store an answer only if the request was a GET without a token, there was no error, and every field
 * has a public cache hint in the schema. Apollo evaluates the hints field by field, which costs time, so they are
 * evaluated only for requests whose answers could be public.
 */
export function cachePolicy(): ApolloServerPlugin<Context>[] {
  const hints = ApolloServerPluginCacheControl({ calculateHttpHeaders: false });
  const plain: GraphQLRequestListener<Context> = { willSendResponse: answer => Promise.resolve(setHeaders(answer)) };
  const plainly = Promise.resolve(plain);
  return [
    // Otherwise Apollo adds its own plugin, for every request.
    ApolloServerPluginCacheControlDisabled(),
    {
      async serverWillStart(service) {
        await hints.serverWillStart?.(service);
      },
      async requestDidStart(request) {
        if (!mayBePublic(request)) return plainly;
        const listener = await hints.requestDidStart?.(request);
        return { ...plain, executionDidStart: async execution => listener?.executionDidStart?.(execution) };
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
