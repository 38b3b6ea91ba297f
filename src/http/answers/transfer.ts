import compress from '@fastify/compress';
import etag from 'etag';
import type { FastifyInstance } from 'fastify';
import fresh from 'fresh';

/** Is the size from which an answer is compressed, in bytes: less fits one packet of the network as it is. */
const COMPRESSED_FROM = 1400;

/**
 * Sends less: answers are compressed, and those to GET have an ETag, by which a client that has the same already gets
 * 304. An answer that nothing says otherwise of is not stored by any cache.
 */
export async function sendLess(app: FastifyInstance): Promise<void> {
  // Before compression: the tag is of the data, and weak, since each encoding has bytes of its own.
  app.addHook('onSend', (request, reply, payload, done) => {
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
    // One address has an answer for each viewer, media type and encoding; a cache must not give one to another. A 304
    // too must name them all, since it takes the place of what a cache knows. In small letters, the compression looks
    // for it.
    if (request.method === 'GET')
      reply.header(
        'vary',
        [reply.getHeader('vary'), 'Accept', 'Authorization', 'accept-encoding'].filter(Boolean).join(', '),
      );
    if (
      request.method !== 'GET' ||
      reply.statusCode !== 200 ||
      typeof payload !== 'string' ||
      reply.getHeader('cache-control') === 'no-store'
    )
      return done(null, payload);
    const tag = etag(payload, { weak: true });
    reply.header('etag', tag);
    // Without the request's Cache-Control: fetch() adds no-cache, which is for caches on the way, wherever a page gives
    // a tag itself.
    if (!fresh({ 'if-none-match': request.headers['if-none-match'] }, { etag: tag })) return done(null, payload);
    reply.code(304).removeHeader('content-type');
    return done(null, '');
  });
  await app.register(compress, { threshold: COMPRESSED_FROM, encodings: ['br', 'gzip'], globalDecompression: false });
}
