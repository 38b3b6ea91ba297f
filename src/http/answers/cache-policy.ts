import type { ApolloServerPlugin, GraphQLRequestContextWillSendResponse, GraphQLRequestListener } from '@apollo/server';
import { ApolloServerPluginCacheControlDisabled } from '@apollo/server/plugin/disabled';
import { getVariableValues } from 'graphql';
import { PUBLIC_MAX_AGE_SECONDS } from '../../graphql/cache-hints.js';
import type { Context } from '../../graphql/context.js';
import { isPublicOperation } from '../../graphql/public-operations.js';

/**
 * Returns the value of Cache-Control for an answer to GET without errors: a shared cache may store it only if it is the
 * same for everybody.
 */
export function storedBy(isPublic: boolean): string {
  return isPublic ? `public, max-age=${PUBLIC_MAX_AGE_SECONDS}` : 'private, no-cache';
}

/**
 * Returns the Apollo plugins that set Cache-Control, which says which caches may store an answer.
 *
 * A shared cache may store an answer only if the request was a GET without a token, there was no error, and every field
 * has a public cache hint in the schema.
 */
export function cachePolicy(): ApolloServerPlugin<Context>[] {
  const listener: GraphQLRequestListener<Context> = { willSendResponse: answer => Promise.resolve(setHeaders(answer)) };
  const listening = Promise.resolve(listener);
  // Otherwise Apollo adds its own plugin, for every request.
  return [ApolloServerPluginCacheControlDisabled(), { requestDidStart: () => listening }];
}

function setHeaders(answer: GraphQLRequestContextWillSendResponse<Context>): void {
  const { request, response } = answer;
  if (request.http?.method !== 'GET') return;
  const hasFailed = response.body.kind !== 'single' || response.body.singleResult.errors !== undefined;
  response.http.headers.set('cache-control', hasFailed ? 'no-store' : storedBy(isForAll(answer)));
}

function isForAll({ request, schema, document, operation }: GraphQLRequestContextWillSendResponse<Context>): boolean {
  if (!document || !operation || request.http?.headers.has('authorization')) return false;
  const { coerced } = getVariableValues(schema, operation.variableDefinitions ?? [], request.variables ?? {});
  return coerced !== undefined && isPublicOperation({ schema, document, operation, variables: coerced });
}
