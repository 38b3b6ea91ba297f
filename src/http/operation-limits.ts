import type { ApolloServerPlugin, GraphQLRequestListener } from '@apollo/server';
import { GraphQLError } from 'graphql';
import type { Context } from '../graphql/context.js';
import { assessOperation, type QueryLimits } from '../graphql/query-limits.js';

/** Gives the Apollo plugin that refuses, with status 400, an operation beyond the limits before anything of it runs. */
export function operationLimits(limits: QueryLimits): ApolloServerPlugin<Context> {
  const listener: GraphQLRequestListener<Context> = {
    didResolveOperation({ schema, document, operation, request: { variables } }) {
      // Apollo comes here without one too, and refuses the request afterwards.
      const refusal = operation ? assessOperation({ schema, document, operation, variables }, limits).refusal : null;
      if (!refusal) return Promise.resolve();
      const { message, nodes, extensions } = refusal;
      return Promise.reject(new GraphQLError(message, { nodes, extensions: { ...extensions, http: { status: 400 } } }));
    },
  };
  const listening = Promise.resolve(listener);
  return { requestDidStart: () => listening };
}
