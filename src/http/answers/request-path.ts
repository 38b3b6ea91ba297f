import type { IncomingMessage } from 'node:http';

/** The path under which a request is routed, and then rejected, if its own path cannot be decoded. */
const UNDECODABLE_PATH = '/undecodable';

/** Returns the path of a URL, without the query string and the fragment. */
export function pathOf(url: string): string {
  return url.split(/[?#]/, 1)[0]!;
}

/**
 * Returns the URL by which a request is routed: its own unless it cannot be decoded, because Fastify would answer that
 * in its own format.
 */
export function routableUrl({ url = '' }: IncomingMessage): string {
  try {
    const path = pathOf(url);
    // HTTP allows a path, "*", or a whole URL, as for a proxy.
    if (decodeURIComponent(path) !== '' && (path.startsWith('/') || path === '*' || URL.canParse(path))) return url;
  } catch {
    // Not UTF-8, or a % without two digits.
  }
  return UNDECODABLE_PATH;
}
