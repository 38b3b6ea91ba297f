import type { ApolloServerPlugin, GraphQLRequestListener } from '@apollo/server';
import type { Context } from '../../../graphql/context.js';
import type { CurrentRequest } from '../../observability/request-record.js';

/** The header by which a request asks what it costs. */
const COST_DEBUG = 'graphql-cost-debug';

/**
 * Gives the Apollo plugin that gives back the points that an operation did not take, and then adds `extensions.cost` to
 * the answers of requests that ask for it; no cache keeps such an answer.
 */
export function costSettlement(current: CurrentRequest): ApolloServerPlugin<Context> {
  const listener: GraphQLRequestListener<Context> = {
    async willSendResponse({ request, response: { body, http } }) {
      const bill = current()?.bill;
      if (!bill || body.kind !== 'single') return;
      // Of an answer with errors it is not known what was done for the parts that are missing.
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
