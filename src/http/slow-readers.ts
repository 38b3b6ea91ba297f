import type { FastifyInstance } from 'fastify';

/** Closes the connection of a client that has not taken an answer within so many seconds, so that its bytes do not wait for ever; streams of events have rules of their own. */
export function cutOffSlowReaders(app: FastifyInstance, seconds: number): void {
  app.addHook('onSend', (_request, reply, payload, done) => {
    const { raw } = reply;
    if (!raw.destroyed && !String(reply.getHeader('content-type')).startsWith('text/event-stream')) {
      const timer = setTimeout(() => raw.destroy(), seconds * 1000).unref();
      raw.once('close', () => clearTimeout(timer));
    }
    done(null, payload);
  });
}
