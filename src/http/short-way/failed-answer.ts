import type { IncomingMessage } from 'node:http';
import { HeaderMap, type ApolloServerPlugin, type GraphQLRequestContextWillSendResponse } from '@apollo/server';
import type { ExecutionResult, GraphQLFormattedError } from 'graphql';
import type { Context } from '../../graphql/context.js';
import type { KnownOperation } from '../../graphql/documents/known-operation.js';
import type { RateRefusal } from '../limits/rates/bill.js';
import { responseTypeOf } from '../answers/response-type.js';
import { formattedErrors } from './formatted-errors.js';

/** An answer, apart from the headers that all have. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly cacheControl: string;
  /** The names and values of its other headers. */
  readonly head: readonly string[];
}

/** The parts of a server that complete answers with errors. */
export interface FailureParts {
  readonly format: (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError;
  /** The plugins that complete an answer with errors. */
  readonly plugins: readonly ApolloServerPlugin<Context>[];
}

/** A result with errors, and what it came from. */
interface Failure {
  readonly request: IncomingMessage;
  readonly operation: KnownOperation;
  readonly context: Context;
  readonly result: ExecutionResult;
  readonly contentType: string;
}

/** Returns the answer with errors, completed by the plugins that would complete the same answer of Apollo Server. */
export async function failedAnswer(
  { request, operation, context, result, contentType }: Failure,
  { format, plugins }: FailureParts,
): Promise<Answer> {
  const { data, errors = [] } = result;
  const { formatted, heads } = formattedErrors(errors, format);
  const http: { status?: number; headers: HeaderMap } = { headers: new HeaderMap() };
  for (const { status, headers } of heads) {
    if (status !== undefined) http.status = status;
    for (const [name, value] of headers ?? []) http.headers.set(name, value);
  }
  const headers = new HeaderMap(
    Object.entries(request.headers).flatMap(([name, value]) =>
      typeof value === 'string' ? [[name, value] as const] : [],
    ),
  );
  const answer = {
    request: { http: { method: request.method, headers } },
    source: operation.text,
    document: operation.document,
    operation: operation.node,
    contextValue: context,
    response: {
      http,
      body: { kind: 'single', singleResult: { ...(data !== undefined && { data }), errors: formatted } },
    },
  } as unknown as GraphQLRequestContextWillSendResponse<Context>;
  for (const plugin of plugins) {
    const listener = await plugin.requestDidStart?.(answer);
    await listener?.willSendResponse?.(answer);
  }
  const { body } = answer.response;
  const single = body.kind === 'single' ? body.singleResult : {};
  const text = `${JSON.stringify({ errors: single.errors, data: single.data, extensions: single.extensions })}\n`;
  const head = ['content-type', contentType];
  let cacheControl = 'no-store';
  for (const [name, value] of http.headers)
    if (name === 'cache-control') cacheControl = value;
    else head.push(name, value);
  return { status: http.status ?? 200, text, cacheControl, head };
}

/** Returns the answer to a request that is not even looked at, because its client has no points left. */
export function refusedAnswer(request: IncomingMessage, { message, retryAfter }: RateRefusal): Answer {
  const text = JSON.stringify({ errors: [{ message, extensions: { code: 'RATE_LIMITED' } }] });
  const type = `${responseTypeOf(request.headers.accept)}; charset=utf-8`;
  const head = ['retry-after', String(retryAfter), 'content-type', type];
  return { status: 429, text, cacheControl: 'no-store', head };
}

/** Returns the answer to a request that failed outside of its fields, as Apollo Server answers such an error. */
export function unexpectedAnswer(error: unknown, contentType: string, { format }: FailureParts): Answer {
  const text = `${JSON.stringify({ errors: formattedErrors([error], format).formatted })}\n`;
  return { status: 500, text, cacheControl: 'no-store', head: ['content-type', contentType] };
}
