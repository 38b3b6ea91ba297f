import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { MAX_QUOTED_CHARACTERS, RefusedRequest } from './refused-request.js';

/** The headers that may occur only once: of two values, each program on the way could use a different one. */
const SINGLE_HEADERS = ['host', 'authorization', 'content-type', 'content-length'];

const SINGLE_LENGTHS: ReadonlySet<number> = new Set(SINGLE_HEADERS.map(name => name.length));

/** Returns what is wrong with a request, whatever it asks for; undefined if nothing is. */
export function mistakeInHeaders({
  raw,
  url,
  originalUrl,
  hostname,
  headers,
  routeOptions,
}: FastifyRequest): RefusedRequest | undefined {
  const repeated = repeatedHeader(raw);
  if (repeated !== undefined) return badRequest(`The header ${repeated} came more than once. Send it once.`);
  if (originalUrl !== url)
    return badRequest(
      `The address ${originalUrl.slice(0, MAX_QUOTED_CHARACTERS)} cannot be read: a path begins with "/", and after each "%" come two digits of UTF-8.`,
    );
  // Load balancers may check the server's health without a Host header, as HTTP/1.0 allows.
  const isValidHost =
    hostname === ''
      ? raw.httpVersion === '1.0' && routeOptions.url !== '/graphql'
      : URL.canParse(`http://${hostname}/`);
  if (!isValidHost)
    return badRequest(
      `The header Host is "${hostname.slice(0, MAX_QUOTED_CHARACTERS)}". Send the name of this server.`,
    );
  if (headers.expect !== undefined && headers.expect.toLowerCase() !== '100-continue') {
    return new RefusedRequest(
      417,
      'BAD_REQUEST',
      `The header Expect is "${headers.expect.slice(0, MAX_QUOTED_CHARACTERS)}", and only "100-continue" is supported. Leave it out.`,
    );
  }
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() === 'identity') return undefined;
  return new RefusedRequest(
    415,
    'UNSUPPORTED_MEDIA_TYPE',
    `The body is encoded as "${encoding.slice(0, MAX_QUOTED_CHARACTERS)}". Send JSON as it is, without the header Content-Encoding.`,
  );
}

function badRequest(message: string): RefusedRequest {
  return new RefusedRequest(400, 'BAD_REQUEST', message);
}

/** Returns a header that came more than once although only one is allowed. */
export function repeatedHeader({ rawHeaders }: IncomingMessage): string | undefined {
  let seen = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const header = rawHeaders[at]!;
    if (!SINGLE_LENGTHS.has(header.length)) continue;
    const index = SINGLE_HEADERS.indexOf(header.toLowerCase());
    if (index < 0) continue;
    if ((seen & (1 << index)) !== 0) return header;
    seen |= 1 << index;
  }
  return undefined;
}
