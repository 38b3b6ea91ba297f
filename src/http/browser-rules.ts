import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../config.js';

/** Allows an answer nothing at all: it is data. A route with a page of its own gives its policy in its option `helmet`. */
const DATA_ONLY = { defaultSrc: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"], frameAncestors: ["'none'"] };

/** Lists what a page may read of an answer besides its body. */
const EXPOSED = ['x-request-id', 'etag', 'retry-after'];

/** Limits how long a browser remembers what it may send, in seconds; Chromium keeps no more. */
const PREFLIGHT_AGE = 7200;

/** Tells browsers which pages may ask (CORS) and what they may do with an answer (security headers). */
export async function addBrowserRules(app: FastifyInstance, { corsOrigins, production }: Config): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: DATA_ONLY },
    // Without TLS browsers pay no heed to it, and on localhost it would bind every other server of the developer.
    strictTransportSecurity: production,
    // Data is read by pages of other origins, those that CORS names.
    crossOriginResourcePolicy: { policy: 'cross-origin' },
    crossOriginOpenerPolicy: false,
  });
  if (corsOrigins.length > 0) {
    await app.register(cors, {
      origin: corsOrigins.includes('*') ? '*' : [...corsOrigins],
      methods: ['GET', 'POST'],
      exposedHeaders: EXPOSED,
      maxAge: PREFLIGHT_AGE,
      // Tokens come in a header, which no browser adds by itself; so no origin needs to be trusted with cookies.
      credentials: false,
      // OPTIONS of who is no browser asks what the server takes; that is no mistake, which would be told in plain text.
      strictPreflight: false,
    });
  }
}
