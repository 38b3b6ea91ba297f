import type { IncomingMessage, ServerResponse } from 'node:http';
import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import helmet from 'helmet';
import type { Config } from '../../config/config.js';

/** The content security policy of answers, which are data: it allows nothing. Pages replace it with their own. */
const DATA_POLICY = { defaultSrc: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"], frameAncestors: ["'none'"] };

/** The headers of an answer that a page of another origin may read. */
const EXPOSED_HEADERS = ['x-request-id', 'etag', 'retry-after', 'ratelimit', 'ratelimit-policy'];

/** The time for which a browser may cache the answer to a preflight request, in seconds; Chromium caps it at this value. */
const PREFLIGHT_CACHE_SECONDS = 7200;

/** Returns the security headers of every answer that holds data. */
export function securityHeaders({ production }: Pick<Config, 'production'>): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  const collecting = {
    setHeader: (name: string, value: string) => void (headers[name.toLowerCase()] = value),
    removeHeader: () => undefined,
  };
  helmet({
    contentSecurityPolicy: { useDefaults: false, directives: DATA_POLICY },
    // Browsers ignore it without TLS, and on localhost it would apply to every other server of the developer too.
    strictTransportSecurity: production,
    // Pages of other origins read the data, if CORS allows them.
    crossOriginResourcePolicy: { policy: 'cross-origin' },
    crossOriginOpenerPolicy: false,
  })({} as IncomingMessage, collecting as unknown as ServerResponse, error => {
    if (error) throw error as Error;
  });
  return headers;
}

/**
 * Returns the CORS headers of an answer to a request without an Origin header, that is, not from a page of another
 * origin.
 */
export function corsHeaders({ corsOrigins }: Pick<Config, 'corsOrigins'>): Readonly<Record<string, string>> {
  if (corsOrigins.length === 0) return {};
  const exposed = { 'access-control-expose-headers': EXPOSED_HEADERS.join(', ') };
  return corsOrigins.includes('*')
    ? { 'access-control-allow-origin': '*', ...exposed }
    : { vary: 'Origin', ...exposed };
}

/** Adds CORS, which says which pages may send requests, and the security headers of every answer. */
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
      exposedHeaders: EXPOSED_HEADERS,
      maxAge: PREFLIGHT_CACHE_SECONDS,
      // Tokens come in a header, which no browser adds by itself, so no origin needs permission to send cookies.
      credentials: false,
      // A program that is not a browser may send OPTIONS to ask what is supported. In strict mode this would be an
      // error, and answered as plain text.
      strictPreflight: false,
    });
  }
}
