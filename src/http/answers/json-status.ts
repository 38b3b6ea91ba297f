import type { ApolloServerPlugin, GraphQLRequestListener } from '@apollo/server';
import type { Context } from '../../graphql/context.js';
import type { ErrorCode } from '../../graphql/errors/error-catalogue.js';
import { responseTypeOf } from './response-type.js';

/** The codes of errors in a well-formed request that are found before the request is executed. */
const EARLY_ERROR_CODES = new Set<ErrorCode>([
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
 * Returns the Apollo plugin that answers GraphQL errors with status 200 if the answer is application/json, as the
 * GraphQL over HTTP specification asks: with that type a client cannot tell the server's 400 from a proxy's. With
 * application/graphql-response+json the status stays 400.
 */
export function jsonStatus(): ApolloServerPlugin<Context> {
  const listener: GraphQLRequestListener<Context> = {
    willSendResponse({ request, response: { body, http } }) {
      if (http.status !== 400 || body.kind !== 'single') return Promise.resolve();
      const isAboutGraphql =
        body.singleResult.errors?.every(({ extensions }) =>
          EARLY_ERROR_CODES.has(extensions?.['code'] as ErrorCode),
        ) === true;
      if (isAboutGraphql && responseTypeOf(request.http?.headers.get('accept')) === 'application/json')
        http.status = 200;
      return Promise.resolve();
    },
  };
  const listening = Promise.resolve(listener);
  return { requestDidStart: () => listening };
}
