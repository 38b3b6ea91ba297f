import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { mistakeInHeaders } from './header-mistakes.js';
import { MAX_QUOTED_CHARACTERS, RefusedRequest, type RequestRefusal } from './refused-request.js';
import { pathOf } from './request-path.js';
import { responseTypeOf } from './response-type.js';

/** The largest body of a request, in bytes; a query is far smaller, and so are the thousand ids of enrollMany. */
export const MAX_BODY_BYTES = 1_048_576;

const USAGE_HINT = 'POST a JSON object such as {"query":"{ courses { totalCount } }"} to /graphql.';

/**
 * Returns what the caller is told about an error that occurred before GraphQL. An error that is not the caller's is
 * masked and refers to the request's id in the log.
 */
export function refusalOf(error: Partial<FastifyError>, { id, headers, url }: FastifyRequest): RequestRefusal {
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
    return { status, code: 'BAD_REQUEST', message: `The body is not valid JSON. ${USAGE_HINT}` };
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
      `${shown} does not accept ${method}, only ${allowed.join(' and ')}.`,
    );
  }
}
