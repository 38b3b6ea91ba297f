import type { ApolloServerPlugin, GraphQLRequestListener } from '@apollo/server';
import type { Context } from '../../../graphql/context.js';
import type { CurrentRequest } from '../../observability/request-record.js';

/** The header with which a request asks for its cost. */
const COST_DEBUG = 'graphql-cost-debug';

/**
 * Returns the Apollo plugin that gives back the points that an operation did not use, and adds `extensions.cost` to the
 * answers of requests that ask for it; no cache may store such an answer.
 */
export function costSettlement(current: CurrentRequest): ApolloServerPlugin<Context> {
  const listener: GraphQLRequestListener<Context> = {
    async willSendResponse({ request, response: { body, http } }) {
      const bill = current()?.bill;
      if (!bill || body.kind !== 'single') return;
      // If there are errors, the work done for the missing parts of the answer is unknown.
      if (!body.singleResult.errors) await bill.giveBack(body.singleResult.data);
      if (request.http?.headers.get(COST_DEBUG) !== '1') return;
      const { requested, actual, standing } = bill;
      body.singleResult.extensions = {
        ...body.singleResult.extensions,
        cost: { requested, actual, left: standing?.left ?? null },
      };
      http.headers.set('cache-control', 'no-store');
    },
  };
  const listening = Promise.resolve(listener);
  return { requestDidStart: () => listening };
}
