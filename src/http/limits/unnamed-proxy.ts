import type { FastifyBaseLogger, FastifyInstance } from 'fastify';

/**
 * Logs one warning if a proxy seems to send requests although TRUST_PROXY names none, because then all its clients
 * count as one address.
 */
export function warnOfUnnamedProxy(app: FastifyInstance, logger: FastifyBaseLogger): void {
  let isWarned = false;
  app.addHook('onRequest', (request, _reply, done) => {
    if (!isWarned && request.headers['x-forwarded-for'] !== undefined) {
      isWarned = true;
      logger.warn(
        { requestId: request.id, from: request.raw.socket.remoteAddress },
        'a request has the header X-Forwarded-For, which is not trusted because TRUST_PROXY is off; if a proxy sent it, all its clients share the limits of one address',
      );
    }
    done();
  });
}
