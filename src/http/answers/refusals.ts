import type { IncomingMessage } from 'node:http';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorCode } from '../../graphql/errors/error-catalogue.js';
import { responseTypeOf } from './response-type.js';

/** Limits a request's body, in bytes: a query is far smaller, and enrollMany's thousand ids too. */
export const BODY_LIMIT = 1_048_576;

/** Is why a request was turned away before GraphQL saw it, as its caller is told. */
export interface Refusal {
  readonly status: number;
  readonly code: ErrorCode;
  readonly message: string;
  /** What its answer has besides the headers of all. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request that the server turns away on purpose, before GraphQL sees it; not a failure. */
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

/** Limits what a message quotes of a request, in characters. */
const QUOTED = 100;
/** Where a request is led whose path cannot be decoded: to where every other is refused, too. */
const UNDECODABLE = '/undecodable';
/** Lists the headers that may come once: of two, each program on the way could take another one. */
const ONCE = ['host', 'authorization', 'content-type', 'content-length'];

const WAY_IN = 'POST a JSON object such as {"query":"{ courses { totalCount } }"} to /graphql.';

/**
 * Gives what the caller is told of an error that came before GraphQL; one that is not the caller's is masked, under the
 * request's id.
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
      message: `A body may have ${BODY_LIMIT} bytes (1 MiB)${size}. Send less at once: long lists in several requests, and files by the command "rollcall import".`,
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
    return { status, code: 'BAD_REQUEST', message: `The body is not JSON that can be read. ${WAY_IN}` };
  // Of a page's files: a path that leads out of their folder, a name that is too long, a condition that is not met.
  if (status === 403)
    return {
      status: 404,
      code: 'NOT_FOUND',
      message: `There is nothing at ${pathOf(url).slice(0, QUOTED)}. ${WAY_IN}`,
    };
  if (status === 412)
    return {
      status,
      code: 'BAD_REQUEST',
      message: 'The file is not as the request wants it to be. Send it without If-Match and If-Unmodified-Since.',
    };
  return { status, code: 'BAD_REQUEST', message: error.message! };
}

/** Returns the path of an address, without what follows "?" or "#". */
export function pathOf(url: string): string {
  return url.split(/[?#]/, 1)[0]!;
}

/**
 * Returns the address by which a request is routed: its own, but for one that cannot be decoded, which Fastify would
 * answer in a shape of its own.
 */
export function routableUrl({ url = '' }: IncomingMessage): string {
  try {
    const path = pathOf(url);
    // By HTTP, an address is a path, "*", or whole, as for a proxy.
    if (decodeURIComponent(path) !== '' && (path.startsWith('/') || path === '*' || URL.canParse(path))) return url;
  } catch {
    // Not UTF-8, or a % without two digits.
  }
  return UNDECODABLE;
}

/** What a server that stops answers; another one may be there at once. */
export const serverStopping: Refusal = {
  status: 503,
  code: 'SERVER_STOPPING',
  message: 'This server is stopping. Nothing was done; send the request again.',
  headers: { 'retry-after': '1' },
};

/**
 * Returns the function that knows the requests that came once a server takes no more; to be called before all that
 * makes a request wait, since those that came before are served.
 */
export function lateRequests(app: FastifyInstance, isStopping: () => boolean): (request: FastifyRequest) => boolean {
  const late = new WeakSet<FastifyRequest>();
  app.addHook('onRequest', (request, _reply, done) => {
    if (isStopping()) late.add(request);
    done();
  });
  // One that was cut off while it waited is not begun: nobody would get its answer, and what would answer it has
  // stopped.
  app.addHook('preHandler', (request, reply, done) => {
    if (isStopping() && request.raw.socket.destroyed) reply.hijack();
    else done();
  });
  return request => late.has(request);
}

/** Refuses those requests. */
export function refuseLate(app: FastifyInstance, isLate: (request: FastifyRequest) => boolean): void {
  app.addHook('onRequest', (request, reply, done) => {
    if (!isLate(request)) return done();
    reply.headers({ ...serverStopping.headers });
    // Not before all that came in one packet has been read: the last answer of a connection says that it is the last.
    setImmediate(() => done(new RefusedRequest(serverStopping.status, serverStopping.code, serverStopping.message)));
  });
}

/**
 * Answers what never reaches GraphQL in its shape: a request that HTTP does not allow, an unreadable body, an unknown
 * path, a method that a path does not take; `wayIn` says what there is.
 */
export function refuseInGraphqlShape(app: FastifyInstance, wayIn = WAY_IN): void {
  // Not asked of Fastify, which takes an address for the pattern of a route, and fails for some.
  const routes = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const methods = routes.get(url) ?? new Set();
    for (const one of [method].flat()) methods.add(one);
    routes.set(url, methods);
  });
  // Else a body of this type would be read, and refused only by the check for forgery, which names another reason.
  app.removeContentTypeParser('text/plain');
  app.addHook('onRequest', (request, reply, done) =>
    done(mistakeIn(request) ?? (request.is404 ? missing(request, reply) : undefined)),
  );
  app.setErrorHandler((error, request, reply) => {
    const { status, code, message } = refusalOf(error as FastifyError, request);
    const body = JSON.stringify({ errors: [{ message, extensions: { code } }] });
    return reply
      .code(status)
      .header('content-type', `${responseTypeOf(request.headers.accept)}; charset=utf-8`)
      .send(body);
  });
  // Of a page's file that there is not.
  app.setNotFoundHandler((request, reply) => {
    throw missing(request, reply);
  });

  function missing({ url: whole, method }: FastifyRequest, reply: FastifyReply): RefusedRequest {
    const url = pathOf(whole);
    const shown = url.slice(0, QUOTED);
    const allowed = (['GET', 'POST'] as const).filter(one => routes.get(url)?.has(one));
    if (allowed.length === 0) return new RefusedRequest(404, 'NOT_FOUND', `There is nothing at ${shown}. ${wayIn}`);
    reply.header('allow', allowed.join(', '));
    return new RefusedRequest(
      405,
      'METHOD_NOT_ALLOWED',
      `${shown} does not take ${method}, only ${allowed.join(' and ')}.`,
    );
  }
}

/** Returns what is wrong with a request, whatever it asks for; undefined: nothing. */
function mistakeIn({
  raw,
  url,
  originalUrl,
  hostname,
  headers,
  routeOptions,
}: FastifyRequest): RefusedRequest | undefined {
  const twice = twiceIn(raw);
  if (twice !== undefined) return badRequest(`The header ${twice} came more than once. Send it once.`);
  if (originalUrl !== url)
    return badRequest(
      `The address ${originalUrl.slice(0, QUOTED)} cannot be read: a path begins with "/", and after each "%" come two digits of UTF-8.`,
    );
  // Without one, as HTTP/1.0 allows, what balances loads may ask how the server is.
  const isFit =
    hostname === ''
      ? raw.httpVersion === '1.0' && routeOptions.url !== '/graphql'
      : URL.canParse(`http://${hostname}/`);
  if (!isFit) return badRequest(`The header Host is "${hostname.slice(0, QUOTED)}". Send the name of this server.`);
  if (headers.expect !== undefined && headers.expect.toLowerCase() !== '100-continue') {
    return new RefusedRequest(
      417,
      'BAD_REQUEST',
      `The header Expect is "${headers.expect.slice(0, QUOTED)}", and only "100-continue" can be met. Leave it out.`,
    );
  }
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() === 'identity') return undefined;
  return new RefusedRequest(
    415,
    'UNSUPPORTED_MEDIA_TYPE',
    `The body is encoded as "${encoding.slice(0, QUOTED)}". Send JSON as it is, without the header Content-Encoding.`,
  );
}

function badRequest(message: string): RefusedRequest {
  return new RefusedRequest(400, 'BAD_REQUEST', message);
}

/** Returns the header that came more than once, though it may not. */
function twiceIn({ rawHeaders }: IncomingMessage): string | undefined {
  const seen = new Set<string>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!.toLowerCase();
    if (!ONCE.includes(name)) continue;
    if (seen.has(name)) return rawHeaders[at];
    seen.add(name);
  }
  return undefined;
}
