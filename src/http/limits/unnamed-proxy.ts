import type { FastifyBaseLogger, FastifyInstance } from 'fastify';

/**
 * Warns once of a request that a proxy seems to have sent, where TRUST_PROXY names none: all its clients count as one
 * address then.
 */
export function warnOfUnnamedProxy(app: FastifyInstance, logger: FastifyBaseLogger): void {
  let isWarned = false;
  app.addHook('onRequest', (request, _reply, done) => {
    if (!isWarned && request.headers['x-forwarded-for'] !== undefined) {
      isWarned = true;
      logger.warn(
        { requestId: request.id, from: request.raw.socket.remoteAddress },
        'a request has the header X-Forwarded-For, which is not believed, since TRUST_PROXY is off; where a proxy sent it, all its clients share the limits of one address',
      );
    }
    done();
  });
}
