import type { IncomingMessage } from 'node:http';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorCode } from '../../graphql/errors/error-catalogue.js';
import { responseTypeOf } from './response-type.js';

/** The largest body of a request, in bytes; a query is far smaller, and so are the thousand ids of enrollMany. */
export const MAX_BODY_BYTES = 1_048_576;

/** The rejection of a request before it reached GraphQL, as its caller is told. */
export interface Refusal {
  readonly status: number;
  readonly code: ErrorCode;
  readonly message: string;
  /** Headers of the answer besides those that all answers have. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The error of a request that the server rejects on purpose before it reaches GraphQL; not a failure. */
export class RefusedRequest extends Error {
  constructor(
    readonly statusCode: number,
    readonly code: ErrorCode,
    message: string,
  ) {
    super(message);
    this.name = 'RefusedRequest';
  }
}

/** The longest part of a request that an error message quotes, in characters. */
const MAX_QUOTED_CHARACTERS = 100;
/** The path under which a request is routed, and then rejected, if its own path cannot be decoded. */
const UNDECODABLE_PATH = '/undecodable';
/** The headers that may occur only once: of two values, each program on the way could use a different one. */
const SINGLE_HEADERS = ['host', 'authorization', 'content-type', 'content-length'];

const USAGE_HINT = 'POST a JSON object such as {"query":"{ courses { totalCount } }"} to /graphql.';

/**
 * Returns what the caller is told about an error that occurred before GraphQL. An error that is not the caller's is
 * masked and refers to the request's id in the log.
 */
export function refusalOf(error: Partial<FastifyError>, { id, headers, url }: FastifyRequest): Refusal {
  if (error instanceof RefusedRequest) return { status: error.statusCode, code: error.code, message: error.message };
  const { statusCode: status = 500, code } = error;
  if (status < 400 || status >= 500)
    return {
      status: 500,
      code: 'INTERNAL_SERVER_ERROR',
      message: `Something went wrong on our side. Its id in the log is ${id}.`,
    };
  if (status === 413) {
    const size = headers['content-length'] === undefined ? '' : `, and this one has ${headers['content-length']}`;
    return {
      status,
      code: 'PAYLOAD_TOO_LARGE',
      message: `A body may have ${MAX_BODY_BYTES} bytes (1 MiB)${size}. Send less at once: long lists in several requests, and files by the command "rollcall import".`,
    };
  }
  if (status === 415) {
    const type = headers['content-type'];
    return {
      status,
      code: 'UNSUPPORTED_MEDIA_TYPE',
      message: `The body ${type === undefined ? 'has no Content-Type' : `is "${type.slice(0, 100)}"`}. Send JSON, with the header "Content-Type: application/json".`,
    };
  }
  if (code?.startsWith('FST_ERR_CTP') || error instanceof SyntaxError)
    return { status, code: 'BAD_REQUEST', message: `The body is not JSON that can be read. ${USAGE_HINT}` };
  // From the plugin for static files: a path that leaves the folder, a name that is too long, a condition not met.
  if (status === 403)
    return {
      status: 404,
      code: 'NOT_FOUND',
      message: `There is nothing at ${pathOf(url).slice(0, MAX_QUOTED_CHARACTERS)}. ${USAGE_HINT}`,
    };
  if (status === 412)
    return {
      status,
      code: 'BAD_REQUEST',
      message:
        'The file does not meet the conditions of the request. Send it without If-Match and If-Unmodified-Since.',
    };
  return { status, code: 'BAD_REQUEST', message: error.message! };
}

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

/** The answer of a server that is stopping; another server may take over at once. */
export const serverStopping: Refusal = {
  status: 503,
  code: 'SERVER_STOPPING',
  message: 'This server is stopping. Nothing was done; send the request again.',
  headers: { 'retry-after': '1' },
};

/**
 * Returns the function that says whether a request arrived after the server began to stop. Call this before adding any
 * hook that can make a request wait, because requests that arrived earlier are still served.
 */
export function lateRequests(app: FastifyInstance, isStopping: () => boolean): (request: FastifyRequest) => boolean {
  const late = new WeakSet<FastifyRequest>();
  app.addHook('onRequest', (request, _reply, done) => {
    if (isStopping()) late.add(request);
    done();
  });
  // A request whose connection was closed while it waited is not started: nobody would receive the answer, and what
  // would produce it has stopped.
  app.addHook('preHandler', (request, reply, done) => {
    if (isStopping() && request.raw.socket.destroyed) reply.hijack();
    else done();
  });
  return request => late.has(request);
}

/** Rejects the requests that arrived after the server began to stop. */
export function refuseLate(app: FastifyInstance, isLate: (request: FastifyRequest) => boolean): void {
  app.addHook('onRequest', (request, reply, done) => {
    if (!isLate(request)) return done();
    reply.headers({ ...serverStopping.headers });
    // Wait until everything that came in one packet has been read: the last answer of a connection must say so.
    setImmediate(() => done(new RefusedRequest(serverStopping.status, serverStopping.code, serverStopping.message)));
  });
}

/**
 * Answers requests that never reach GraphQL in the format of GraphQL errors: a request that HTTP does not allow, an
 * unreadable body, an unknown path, a method that a path does not support. `hint` says what can be requested.
 */
export function refuseInGraphqlShape(app: FastifyInstance, hint = USAGE_HINT): void {
  // Fastify cannot be asked: it reads a path as the pattern of a route, and fails for some.
  const routes = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const methods = routes.get(url) ?? new Set();
    for (const one of [method].flat()) methods.add(one);
    routes.set(url, methods);
  });
  // Otherwise a text/plain body would be read, and rejected only by the CSRF check, which gives another reason.
  app.removeContentTypeParser('text/plain');
  app.addHook('onRequest', (request, reply, done) =>
    done(mistakeInHeaders(request) ?? (request.is404 ? missingRoute(request, reply) : undefined)),
  );
  app.setErrorHandler((error, request, reply) => {
    const { status, code, message } = refusalOf(error as FastifyError, request);
    const body = JSON.stringify({ errors: [{ message, extensions: { code } }] });
    return reply
      .code(status)
      .header('content-type', `${responseTypeOf(request.headers.accept)}; charset=utf-8`)
      .send(body);
  });
  // For a static file that does not exist.
  app.setNotFoundHandler((request, reply) => {
    throw missingRoute(request, reply);
  });

  function missingRoute({ url: whole, method }: FastifyRequest, reply: FastifyReply): RefusedRequest {
    const url = pathOf(whole);
    const shown = url.slice(0, MAX_QUOTED_CHARACTERS);
    const allowed = (['GET', 'POST'] as const).filter(one => routes.get(url)?.has(one));
    if (allowed.length === 0) return new RefusedRequest(404, 'NOT_FOUND', `There is nothing at ${shown}. ${hint}`);
    reply.header('allow', allowed.join(', '));
    return new RefusedRequest(
      405,
      'METHOD_NOT_ALLOWED',
      `${shown} does not take ${method}, only ${allowed.join(' and ')}.`,
    );
  }
}

/** Returns what is wrong with a request, whatever it asks for; undefined if nothing is. */
function mistakeInHeaders({
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
      `The header Expect is "${headers.expect.slice(0, MAX_QUOTED_CHARACTERS)}", and only "100-continue" can be met. Leave it out.`,
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
function repeatedHeader({ rawHeaders }: IncomingMessage): string | undefined {
  const seen = new Set<string>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!.toLowerCase();
    if (!SINGLE_HEADERS.includes(name)) continue;
    if (seen.has(name)) return rawHeaders[at];
    seen.add(name);
  }
  return undefined;
}
