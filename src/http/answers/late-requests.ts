import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { RefusedRequest, type RequestRefusal } from './refused-request.js';

/** The answer of a server that is stopping; another server may take over at once. */
export const serverStopping: RequestRefusal = {
  status: 503,
  code: 'SERVER_STOPPING',
  message: 'This server is stopping. Nothing was done; send the request again.',
  headers: { 'retry-after': '1' },
};

/**
 * Returns the function that says whether a request arrived after the server began to stop. Call this before adding any
 * hook that can make a request wait, because requests that arrived earlier are still served.
 */
export function lateRequests(
  app: FastifyInstance,
  isStopping: () => boolean,
  isOnTime: (response: ServerResponse) => boolean,
): (request: FastifyRequest) => boolean {
  const late = new WeakSet<FastifyRequest>();
  app.addHook('onRequest', (request, reply, done) => {
    if (isStopping() && !isOnTime(reply.raw)) late.add(request);
    done();
  });
  // A request whose connection was closed while it waited is not started: nobody would receive the answer, and what
  // would produce it has stopped.
  app.addHook('preHandler', (request, reply, done) => {
    if (isStopping() && request.raw.socket.destroyed) reply.hijack();
    else done();
  });
  return request => late.has(request);
}

/** Rejects the requests that arrived after the server began to stop. */
export function refuseLate(app: FastifyInstance, isLate: (request: FastifyRequest) => boolean): void {
  app.addHook('onRequest', (request, reply, done) => {
    if (!isLate(request)) return done();
    reply.headers({ ...serverStopping.headers });
    // Wait until everything that came in one packet has been read: the last answer of a connection must say so.
    setImmediate(() => done(new RefusedRequest(serverStopping.status, serverStopping.code, serverStopping.message)));
  });
}
