import type { ApolloServerPlugin, GraphQLRequestListener } from '@apollo/server';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { GraphQLFormattedError } from 'graphql';
import { currentLimit, TimeLimit, withinLimit } from '../../database/time-limits/time-limit.js';
import type { Context } from '../../graphql/context.js';
import type { ErrorCode } from '../../graphql/errors/error-catalogue.js';
import { isGone, onceOver } from '../answers/answer-over.js';
import type { CurrentRequest } from '../observability/request-record.js';

/** The status of an answer to a request that took too long, of which nothing was changed. */
const GATEWAY_TIMEOUT = 504;

/**
 * Gives each request to GraphQL so many seconds, from the moment when it has arrived whole; its work stops then, and
 * when its client leaves.
 */
export function limitRequests(app: FastifyInstance, seconds: number): void {
  app.addHook('preHandler', (request, { raw }, done) => {
    if (request.routeOptions.url !== '/graphql') return done();
    return withinLimit(limitOf(request.raw, raw, seconds), done);
  });
}

/** Returns a limit of so many seconds for the work on an answer, which stops when the client leaves. */
export function limitOf(request: IncomingMessage, response: ServerResponse, seconds: number): TimeLimit {
  const limit = new TimeLimit(seconds);
  const over = (): void => (response.writableFinished ? limit.end() : limit.stop('client_gone'));
  if (isGone(request, response)) over();
  else onceOver(request, response, over);
  return limit;
}

/**
 * Returns the Apollo plugin that answers a request whose time was over with one error and 504, where nothing was
 * changed: a part of an answer would pass for the whole of it. Where a mutation has saved something, what is known of
 * it stays.
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
