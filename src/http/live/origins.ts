import type { IncomingHttpHeaders } from 'node:http';
import type { Config } from '../../config/config.js';

/** Stands for the origin of a page that its browser does not name. */
const UNNAMED = 'another site';

/**
 * Returns the origin of the page that asks to listen, where CORS refuses that page; null: it may listen, or no page
 * asks.
 *
 * CORS alone stops no page here: browsers ask no leave for WebSockets, and a page that may not read a stream of events
 * could still hold it open.
 */
export function refusedOrigin(
  { origin, host, 'sec-fetch-mode': mode, 'sec-fetch-site': site }: IncomingHttpHeaders,
  corsOrigins: Config['corsOrigins'],
): string | null {
  // A request of mode no-cors names no origin, and its page never reads the answer.
  if (origin === undefined) return mode === 'no-cors' && site === 'cross-site' ? UNNAMED : null;
  if (corsOrigins.some(one => one === '*' || (typeof one === 'string' ? one === origin : one.test(origin))))
    return null;
  // Not by the scheme: a proxy may have taken TLS off.
  return URL.parse(origin)?.host === host ? null : origin;
}

/** Says that pages of an origin may not listen. */
export function refusalOfOrigin(origin: string): string {
  return `Pages of ${origin === UNNAMED ? origin : `"${origin.slice(0, 100)}"`} may not listen here. CORS_ORIGINS names the origins whose pages may.`;
}
