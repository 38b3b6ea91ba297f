import type { IncomingHttpHeaders } from 'node:http';
import type { Config } from '../../config/config.js';

/** The description of an origin that the browser does not name. */
const UNNAMED_ORIGIN = 'another site';

/**
 * Returns the origin of the requesting page if CORS does not allow it; null if it does, or no page sent the request.
 *
 * CORS alone stops no page here: browsers do not apply it to WebSockets, and a page that may not read a stream of
 * events could still hold it open.
 */
export function refusedOrigin(
  { origin, host, 'sec-fetch-mode': mode, 'sec-fetch-site': site }: IncomingHttpHeaders,
  corsOrigins: Config['corsOrigins'],
): string | null {
  // A request in the mode no-cors has no Origin header, and its page cannot read the answer.
  if (origin === undefined) return mode === 'no-cors' && site === 'cross-site' ? UNNAMED_ORIGIN : null;
  if (corsOrigins.some(one => one === '*' || (typeof one === 'string' ? one === origin : one.test(origin))))
    return null;
  // The scheme is not compared, because a proxy may have terminated TLS.
  return URL.parse(origin)?.host === host ? null : origin;
}

/** Returns the message that pages of an origin may not subscribe. */
export function refusalOfOrigin(origin: string): string {
  return `Pages of ${origin === UNNAMED_ORIGIN ? origin : `"${origin.slice(0, 100)}"`} may not subscribe here. CORS_ORIGINS lists the origins whose pages may.`;
}
