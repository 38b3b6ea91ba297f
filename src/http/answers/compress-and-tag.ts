import compress from '@fastify/compress';
import etag from 'etag';
import type { FastifyInstance } from 'fastify';
import fresh from 'fresh';

/** The smallest answer that is compressed, in bytes; a smaller one fits into one network packet as it is. */
export const MIN_COMPRESSED_BYTES = 1400;

/**
 * Compresses answers, and tags those to GET with an ETag, so that a client that already has the same answer gets 304.
 * By default no cache may store an answer.
 */
export async function compressAndTag(app: FastifyInstance): Promise<void> {
  // Before compression: the tag identifies the data, and is weak, because each encoding has different bytes.
  app.addHook('onSend', (request, reply, payload, done) => {
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
    // One URL has an answer for each viewer, media type and encoding; a cache must not mix them up. A 304 must list
    // them too, because it replaces the headers in the cache. The compression plugin looks for "accept-encoding" in
    // lower case.
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
    // The request's Cache-Control is ignored: fetch() adds no-cache, meant for caches on the way, to each request in
    // which a page sets If-None-Match itself.
    if (!fresh({ 'if-none-match': request.headers['if-none-match'] }, { etag: tag })) return done(null, payload);
    reply.code(304).removeHeader('content-type');
    return done(null, '');
  });
  await app.register(compress, {
    threshold: MIN_COMPRESSED_BYTES,
    encodings: ['br', 'gzip'],
    globalDecompression: false,
  });
}
