import type { Server } from 'node:http';
import { fastify, LogController, type FastifyBaseLogger, type FastifyHttpOptions, type FastifyInstance } from 'fastify';
import type { Config } from '../config/config.js';
import { securityHeaders } from './answers/browser-rules.js';
import { arrivalTimes, connectionLimits, type ArrivalTimes } from './limits/connection-limits.js';
import { RawAnswers } from './answers/raw-answer.js';
import { BODY_LIMIT, routableUrl } from './answers/refusals.js';
import { requestIdOf } from './observability/request-id.js';
import { followRequests, type EndedRequest, type FollowedRequests } from './observability/request-record.js';
import { answerUnusualRequests, unreadableRequests, type HeadersOf } from './answers/unreadable-requests.js';

/** A server by Fastify that leaves nothing to be answered, and nothing to be logged, by Fastify or Node alone. */
export interface Listener {
  readonly app: FastifyInstance;
  /**
   * Follows its requests, those too that Fastify never sees, and tells of the end of each; `headersOf` charges one that
   * is answered past Fastify, and returns what its answer says of that.
   */
  follow(
    ended: readonly ((request: EndedRequest) => void)[],
    headersOf?: HeadersOf,
  ): { readonly requests: FollowedRequests; readonly rawAnswers: RawAnswers };
}

/** Makes one that does not listen yet; `options` are what it has besides. */
export function newListener(
  config: Config,
  logger: FastifyBaseLogger,
  {
    http,
    times = arrivalTimes,
    ...options
  }: Pick<FastifyHttpOptions<Server>, 'http' | 'trustProxy'> & { readonly times?: ArrivalTimes | undefined } = {},
): Listener {
  const connections = connectionLimits(config, times);
  let refuseUnreadable: ReturnType<typeof unreadableRequests>;
  const app: FastifyInstance = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestIdOf,
    bodyLimit: BODY_LIMIT,
    rewriteUrl: routableUrl,
    return503OnClosing: false, // refuseWhileStopping() does, in the shape of all else.
    clientErrorHandler: (error, socket) => refuseUnreadable(error, socket),
    ...connections,
    http: { ...connections.http, ...http },
    ...options,
  });
  return {
    app,
    follow(ended, headersOf = () => Promise.resolve({})) {
      const requests = followRequests(app, logger, ended);
      const rawAnswers = new RawAnswers(securityHeaders(config), ended);
      refuseUnreadable = unreadableRequests(rawAnswers, requests, times);
      answerUnusualRequests(app, rawAnswers, headersOf);
      return { requests, rawAnswers };
    },
  };
}
