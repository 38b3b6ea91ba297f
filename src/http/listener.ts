import type { Server } from 'node:http';
import { fastify, LogController, type FastifyBaseLogger, type FastifyHttpOptions, type FastifyInstance } from 'fastify';
import type { Config } from '../config/config.js';
import { securityHeaders } from './answers/browser-rules.js';
import { arrivalTimes, connectionLimits, type ArrivalTimes } from './limits/connection-limits.js';
import { RawAnswers } from './answers/raw-answer.js';
import { MAX_BODY_BYTES } from './answers/refusals.js';
import { routableUrl } from './answers/request-path.js';
import { requestIdOf } from './observability/request-id.js';
import { followRequests, type EndedRequest, type FollowedRequests } from './observability/request-record.js';
import { answerUnusualRequests, unreadableRequests, type HeadersOf } from './answers/unreadable-requests.js';

/** A Fastify server in which every request is answered and logged by our code, none by Fastify or Node alone. */
export interface HttpListener {
  readonly app: FastifyInstance;
  /**
   * Registers recorders of the requests, including those that Fastify never sees; each recorder is called with every
   * request that finishes. `headersOf` charges a request that is answered without Fastify, and returns the rate headers
   * of its answer.
   */
  readonly follow: (
    ended: readonly ((request: EndedRequest) => void)[],
    headersOf?: HeadersOf,
  ) => { readonly requests: FollowedRequests; readonly rawAnswers: RawAnswers };
}

/** Returns a server that does not listen yet; `options` are added to the usual ones. */
export function newHttpListener(
  config: Config,
  logger: FastifyBaseLogger,
  {
    http,
    times = arrivalTimes,
    ...options
  }: Pick<FastifyHttpOptions<Server>, 'http' | 'trustProxy'> & { readonly times?: ArrivalTimes | undefined } = {},
): HttpListener {
  const connections = connectionLimits(config, times);
  let refuseUnreadable: ReturnType<typeof unreadableRequests>;
  const app: FastifyInstance = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestIdOf,
    bodyLimit: MAX_BODY_BYTES,
    rewriteUrl: routableUrl,
    return503OnClosing: false, // Not by Fastify: refuseLate() answers these requests, in the same format as all other refusals.
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
