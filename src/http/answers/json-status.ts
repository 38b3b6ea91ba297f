import type { ApolloServerPlugin, GraphQLRequestListener } from '@apollo/server';
import type { Context } from '../../graphql/context.js';
import type { ErrorCode } from '../../graphql/errors/error-catalogue.js';
import { responseTypeOf } from './response-type.js';

/** Lists the codes of errors in a well-formed request that come before it is executed. */
const REQUEST_ERRORS = new Set<ErrorCode>([
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'OPERATION_RESOLUTION_FAILURE',
  'QUERY_TOO_DEEP',
  'QUERY_TOO_COSTLY',
  'QUERY_TOO_LONG',
  'QUERY_TOO_MANY_ALIASES',
  'QUERY_TOO_MANY_DIRECTIVES',
  'BAD_USER_INPUT',
]);

/**
 * Gives the Apollo plugin that answers errors of GraphQL with 200 where the answer is application/json, as the GraphQL
 * over HTTP specification asks: who reads that type cannot tell the server's 400 from a proxy's. In
 * application/graphql-response+json they stay 400.
 */
export function jsonStatus(): ApolloServerPlugin<Context> {
  const listener: GraphQLRequestListener<Context> = {
    willSendResponse({ request, response: { body, http } }) {
      if (http.status !== 400 || body.kind !== 'single') return Promise.resolve();
      const isAboutGraphql =
        body.singleResult.errors?.every(({ extensions }) => REQUEST_ERRORS.has(extensions?.['code'] as ErrorCode)) ===
        true;
      if (isAboutGraphql && responseTypeOf(request.http?.headers.get('accept')) === 'application/json')
        http.status = 200;
      return Promise.resolve();
    },
  };
  const listening = Promise.resolve(listener);
  return { requestDidStart: () => listening };
}
