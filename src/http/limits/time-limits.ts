import type { ApolloServerPlugin, GraphQLRequestListener } from '@apollo/server';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { GraphQLFormattedError } from 'graphql';
import { currentLimit, TimeLimit, withinLimit } from '../../database/time-limits/time-limit.js';
import type { Context } from '../../graphql/context.js';
import type { ErrorCode } from '../../graphql/errors/error-catalogue.js';
import { isClientGone, onFinished } from '../answers/answer-finished.js';
import type { CurrentRequest } from '../observability/request-record.js';

/** The status of the answer to a request that took too long and changed nothing. */
const GATEWAY_TIMEOUT = 504;

/**
 * Limits each GraphQL request to a number of seconds, counted from its complete arrival; its work stops then, or when
 * its client disconnects.
 */
export function limitRequests(app: FastifyInstance, seconds: number): void {
  app.addHook('preHandler', (request, { raw }, done) => {
    if (request.routeOptions.url !== '/graphql') return done();
    return withinLimit(limitOf(request.raw, raw, seconds), done);
  });
}

/**
 * Returns a time limit for the work on an answer, which also stops the work when the client disconnects; `isOver` is
 * called when the answer was sent, or the client has disconnected.
 */
export function limitOf(
  request: IncomingMessage,
  response: ServerResponse,
  seconds: number,
  isOver: () => void = () => undefined,
): TimeLimit {
  const limit = new TimeLimit(seconds);
  const over = (): void => {
    if (response.writableFinished) limit.end();
    else limit.stop('client_gone');
    isOver();
  };
  if (isClientGone(request, response)) over();
  else onFinished(request, response, over);
  return limit;
}

/**
 * Returns the Apollo plugin that answers a request that exceeded its time limit with a single error and 504 if nothing
 * was changed, because a partial answer could be taken for a complete one. If a mutation has saved something, the
 * answer keeps what is known about it.
 */
export function answeringTimeouts(current: CurrentRequest): ApolloServerPlugin<Context> {
  const listener: GraphQLRequestListener<Context> = {
    willSendResponse({ response: { body, http } }) {
      const limit = currentLimit();
      if (body.kind !== 'single' || !limit || limit.reason === 'client_gone' || limit.maySave) return Promise.resolve();
      const late = body.singleResult.errors?.find(isTimeout);
      if (!late) return Promise.resolve();
      body.singleResult = { errors: [{ message: late.message, extensions: late.extensions }] };
      http.status = GATEWAY_TIMEOUT;
      const codes = current()?.errorCodes;
      codes?.splice(0, codes.length, 'REQUEST_TIMEOUT' satisfies ErrorCode);
      return Promise.resolve();
    },
  };
  const listening = Promise.resolve(listener);
  return { requestDidStart: () => listening };
}

function isTimeout({ extensions }: GraphQLFormattedError): boolean {
  return extensions?.['code'] === ('REQUEST_TIMEOUT' satisfies ErrorCode);
}
