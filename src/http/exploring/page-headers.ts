import { randomBytes } from 'node:crypto';
import type { FastifyReply } from 'fastify';

/** A content security policy: the sources of each directive. */
export type PagePolicy = Readonly<Record<string, readonly string[]>>;

/** Returns a random value that allows the scripts and styles of one answer. */
export function newNonce(): string {
  return randomBytes(18).toString('base64');
}

/**
 * Sets the headers of a page with scripts: its own content security policy instead of the one for data, and no caching,
 * because its nonce is valid only once.
 */
export function setPageHeaders(reply: FastifyReply, policy: PagePolicy): void {
  const whole: PagePolicy = {
    'default-src': ["'none'"],
    'connect-src': ["'self'"],
    ...policy,
    'form-action': ["'none'"],
    'frame-ancestors': ["'none'"],
  };
  reply.header(
    'content-security-policy',
    Object.entries(whole)
      .map(([directive, sources]) => [directive, ...sources].join(' '))
      .join('; '),
  );
  reply.header('cache-control', 'no-store');
}
