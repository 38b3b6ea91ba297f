import { randomBytes } from 'node:crypto';
import type { FastifyReply } from 'fastify';

/** Maps a directive of a content security policy to its sources. */
export type PagePolicy = Readonly<Record<string, readonly string[]>>;

/** Gives a value for one answer's scripts and styles, which nobody can guess. */
export function newNonce(): string {
  return randomBytes(18).toString('base64');
}

/**
 * Sets the headers of a page with scripts: its own policy, over the one for answers that hold nothing to run, and no
 * storing, for its nonce is good once.
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
