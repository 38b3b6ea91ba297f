import type { IncomingMessage, ServerResponse } from 'node:http';
import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import helmet from 'helmet';
import type { Config } from '../../config/config.js';

/** Allows an answer nothing at all: it is data. A page sets a policy of its own over it. */
const DATA_ONLY = { defaultSrc: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"], frameAncestors: ["'none'"] };

/** Lists what a page may read of an answer besides its body. */
const EXPOSED = ['x-request-id', 'etag', 'retry-after', 'ratelimit', 'ratelimit-policy'];

/** Limits how long a browser remembers what it may send, in seconds; Chromium keeps no more. */
const PREFLIGHT_AGE = 7200;

/** Returns the security headers of every answer that holds data. */
export function securityHeaders({ production }: Pick<Config, 'production'>): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  const collecting = {
    setHeader: (name: string, value: string) => void (headers[name.toLowerCase()] = value),
    removeHeader: () => undefined,
  };
  helmet({
    contentSecurityPolicy: { useDefaults: false, directives: DATA_ONLY },
    // Without TLS browsers pay no heed to it, and on localhost it would bind every other server of the developer.
    strictTransportSecurity: production,
    // Data is read by pages of other origins, those that CORS names.
    crossOriginResourcePolicy: { policy: 'cross-origin' },
    crossOriginOpenerPolicy: false,
  })({} as IncomingMessage, collecting as unknown as ServerResponse, error => {
    if (error) throw error as Error;
  });
  return headers;
}

/** Tells browsers which pages may ask (CORS) and what they may do with an answer (security headers). */
export async function addBrowserRules(
  app: FastifyInstance,
  config: Pick<Config, 'corsOrigins' | 'production'>,
): Promise<void> {
  const { corsOrigins } = config;
  const headers = securityHeaders(config);
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers({ ...headers });
    done();
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
