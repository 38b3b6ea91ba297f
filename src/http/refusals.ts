import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorCode } from '../graphql/error-catalogue.js';
import { responseTypeOf } from './response-type.js';

/** Limits a request's body, in bytes: a query is far smaller, and enrollMany's thousand ids too. */
export const BODY_LIMIT = 1_048_576;

/** Is why a request was turned away before GraphQL saw it, as its caller is told. */
export interface Refusal {
  readonly status: number;
  readonly code: ErrorCode;
  readonly message: string;
}

const WAY_IN = 'POST a JSON object such as {"query":"{ courses { totalCount } }"} to /graphql.';

/** Gives what the caller is told of an error that came before GraphQL; one that is not the caller's is masked, under the request's id. */
export function refusalOf(error: Partial<FastifyError>, { id, headers }: FastifyRequest): Refusal {
  const { statusCode: status = 500, code } = error;
  if (status < 400 || status >= 500) return { status: 500, code: 'INTERNAL_SERVER_ERROR', message: `Something went wrong on our side. Its id in the log is ${id}.` };
  if (status === 413) {
    const size = headers['content-length'] === undefined ? '' : `, and this one has ${headers['content-length']}`;
    return { status, code: 'PAYLOAD_TOO_LARGE', message: `A body may have ${BODY_LIMIT} bytes (1 MiB)${size}. Send less at once: long lists in several requests, and files by the command "rollcall import".` };
  }
  if (status === 415) {
    if (code !== 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return { status, code: 'UNSUPPORTED_MEDIA_TYPE', message: error.message! };
    const type = headers['content-type'];
    return { status, code: 'UNSUPPORTED_MEDIA_TYPE', message: `The body ${type === undefined ? 'has no Content-Type' : `is "${type.slice(0, 100)}"`}. Send JSON, with the header "Content-Type: application/json".` };
  }
  if (code?.startsWith('FST_ERR_CTP') || error instanceof SyntaxError) return { status, code: 'BAD_REQUEST', message: `The body is not JSON that can be read. ${WAY_IN}` };
  return { status, code: 'BAD_REQUEST', message: error.message! };
}

/** Answers what never reaches GraphQL in its shape: an unreadable body, an unknown path, a method that a path does not take. */
export function refuseInGraphqlShape(app: FastifyInstance): void {
  // Else a body of this type would be read, and refused only by the check for forgery, which names another reason.
  app.removeContentTypeParser('text/plain');
  app.addHook('onRequest', ({ hostname, routeOptions, headers }, _reply, done) => {
    const encoding = headers['content-encoding'] ?? 'identity';
    if (encoding.toLowerCase() !== 'identity') return done(refusing(415, `The body is encoded as "${encoding.slice(0, 100)}". Send JSON as it is, without the header Content-Encoding.`));
    // Without one, as HTTP/1.0 allows, what balances loads may ask how the server is.
    const isFit = hostname === '' ? routeOptions.url !== '/graphql' : URL.canParse(`http://${hostname}/`);
    return done(isFit ? undefined : refusing(400, `The header Host is "${hostname.slice(0, 100)}". Send the name of this server.`));
  });
  app.setErrorHandler((error, request, reply) => send(request, reply, refusalOf(error as FastifyError, request)));
  app.setNotFoundHandler((request, reply) => {
    const url = request.url.split('?', 1)[0]!;
    const shown = url.slice(0, 100);
    const allowed = (['GET', 'POST'] as const).filter(method => app.hasRoute({ method, url }));
    if (allowed.length === 0) return send(request, reply, { status: 404, code: 'NOT_FOUND', message: `There is nothing at ${shown}. ${WAY_IN}` });
    reply.header('allow', allowed.join(', '));
    return send(request, reply, { status: 405, code: 'METHOD_NOT_ALLOWED', message: `${shown} does not take ${request.method}, only ${allowed.join(' and ')}.` });
  });
}

function refusing(statusCode: number, message: string): Error {
  return Object.assign(new Error(message), { statusCode });
}

function send({ headers }: FastifyRequest, reply: FastifyReply, { status, code, message }: Refusal): FastifyReply {
  const body = JSON.stringify({ errors: [{ message, extensions: { code } }] });
  return reply.code(status).header('content-type', `${responseTypeOf(headers.accept)}; charset=utf-8`).send(body);
}
