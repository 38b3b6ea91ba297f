import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { GraphQLError, type ExecutionResult } from 'graphql';
import { createHandler } from 'graphql-sse';
import { httpOfTokenError, tokenErrorCode } from '../../graphql/errors/errors.js';
import type { SentDocument } from '../../graphql/documents/trusted-documents.js';
import { SubscriptionRefused, type Subscriber } from '../../live-counts/index.js';
import { TokenError } from '../../access/token-error.js';
import { tokenIn } from '../viewers/bearer.js';
import { operationLabel } from '../observability/operation-label.js';
import { RefusedRequest } from '../answers/refused-request.js';
import { boundedSubscribe } from './bounded-subscribe.js';
import { REJECTED_RETRY_AFTER_SECONDS } from './connections.js';
import { grantedSubscriptionIn, presented, subscriberOf, type LiveEndpoint } from './endpoint.js';
import { refusalOfOrigin, refusedOrigin } from './origins.js';
import { StreamConnection } from './stream-connection.js';

/** The path for subscriptions by server-sent events. */
const EVENT_STREAM_PATH = '/graphql/stream';
const EVENT_STREAM = 'text/event-stream';
/** The comment that graphql-sse sends every 12 s, so that no proxy treats a stream as idle. */
const KEEP_ALIVE_COMMENT = ':\n\n';
/**
 * Serves subscriptions by server-sent events, each with a request of its own; returns the function that closes them.
 */
export function serveEventStreams(app: FastifyInstance, endpoint: LiveEndpoint): () => void {
  const open = new Set<ServerResponse>();
  let closing = false;
  const handle = createHandler<FastifyRequest, { subscriber: Subscriber }, Record<PropertyKey, unknown>>({
    schema: endpoint.rules.schema,
    // Without tokens for streams, each operation has a connection of its own.
    authenticate: () => null,
    async onSubscribe({ context: { subscriber } }, sent) {
      const record = endpoint.current();
      const found = await grantedSubscriptionIn(endpoint, subscriber.viewer, sent, record?.bill ?? null);
      if (record) Object.assign(record, { isGraphql: true, viewer: subscriber.viewer });
      // With data, even if null, because that is how graphql-sse recognizes a result.
      if (Array.isArray(found)) return { data: null, errors: found };
      const { document, operation, variables } = found;
      if (record)
        record.operation = {
          type: operation.operation,
          name: operation.name?.value ?? null,
          field: operationLabel(operation, document),
        };
      return {
        schema: endpoint.rules.schema,
        document,
        operationName: sent.operationName,
        variableValues: variables,
        contextValue: { ...endpoint.contextOf(subscriber) },
      };
    },
    subscribe: args => boundedSubscribe(args, endpoint),
    onNext: (_context, _request, result) => presented(endpoint, result as ExecutionResult),
  });

  async function answer(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    if (!request.headers.accept?.includes(EVENT_STREAM))
      throw new RefusedRequest(406, 'BAD_REQUEST', `Send the header "Accept: ${EVENT_STREAM}".`);
    // A stream that waits behind another one on its connection would never begin, and its end would go unnoticed.
    if (reply.raw.socket === null)
      throw new RefusedRequest(
        400,
        'BAD_REQUEST',
        'Another answer is still being sent on this connection. Request each stream of events on its own connection.',
      );
    const origin = refusedOrigin(request.headers, endpoint.corsOrigins);
    if (origin !== null) {
      endpoint.connections.refuse('origin');
      throw new RefusedRequest(403, 'FORBIDDEN', refusalOfOrigin(origin));
    }
    const response = reply.raw;
    const connection = new StreamConnection(response, endpoint);
    let subscriber: Subscriber;
    try {
      subscriber = await subscriberOf(endpoint, tokenIn(request.headers.authorization), {
        protocol: 'sse',
        address: endpoint.clientAddressOf(request.raw),
        sendQueue: connection.sendQueue,
        gone: connection.gone,
      });
      connection.begin(subscriber);
    } catch (error) {
      if (error instanceof SubscriptionRefused) {
        endpoint.connections.refuse('connections');
        reply.header('retry-after', REJECTED_RETRY_AFTER_SECONDS);
        throw new RefusedRequest(429, error.code, error.message);
      }
      if (!(error instanceof TokenError)) throw error;
      const { status, headers } = httpOfTokenError(error);
      reply.headers(headers);
      throw new RefusedRequest(status, tokenErrorCode(error), error.message);
    }
    const { url, body: sentBody } = request as { url: string; body: Record<string, unknown> | null };
    // graphql-sse accepts a name that is not a string, and GraphQL looks for an operation with it.
    const name: unknown = sentBody?.['operationName'];
    if (name != null && typeof name !== 'string')
      throw new RefusedRequest(
        400,
        'BAD_REQUEST',
        'The "operationName" is not a string. Give the name of an operation in the document, or leave it out.',
      );
    const chosen = endpoint.rules.trusted?.find(
      documentSentForStream(request.method === 'GET' ? (request.query as Record<string, unknown>) : (sentBody ?? {})),
    );
    if (chosen instanceof GraphQLError)
      return reply.code(400).send({ errors: [endpoint.format(chosen.toJSON(), chosen)] });
    const [body, { status, headers = {} }] = await handle({
      method: request.method,
      // graphql-sse knows documents only by their text.
      url: chosen
        ? `${EVENT_STREAM_PATH}?${new URLSearchParams({ ...(request.query as Record<string, string>), query: chosen.text })}`
        : url,
      headers: { get: header => (header === 'accept' ? EVENT_STREAM : (request.headers[header]?.toString() ?? null)) },
      body: chosen && sentBody ? { ...sentBody, query: chosen.text } : sentBody,
      raw: request,
      context: { subscriber },
    });
    if (body === null || typeof body === 'string')
      throw new RefusedRequest(status, 'BAD_REQUEST', messageIn(body) ?? 'This is not a request for a subscription.');
    // If the client has disconnected meanwhile, no close event follows.
    if (!response.destroyed) open.add(response);
    response.once('close', () => open.delete(response));
    // The client decides whether the connection stays open after the stream.
    const { connection: _keptOpen, ...own } = headers;
    return reply
      .code(status)
      .headers(own)
      .header('x-accel-buffering', 'no') // A proxy that buffers would hold the events back.
      .send(Readable.from(untilClosing(body)));
  }

  /** Returns the events without the final one if only this server stops, so that the client connects again. */
  function untilClosing(body: AsyncGenerator<string, void, undefined>): AsyncIterableIterator<string> {
    let comments = 0;
    return {
      async next() {
        for (;;) {
          const part = await body.next();
          if (closing && !part.done && part.value.startsWith('event: complete'))
            return { done: true, value: undefined };
          // Send the first comment, which sends the headers, and then every second one: TCP does not probe a client
          // while sent bytes are unacknowledged.
          if (part.value !== KEEP_ALIVE_COMMENT || (comments += 1) % 2 === 1) return part;
        }
      },
      // Not a generator, because that would wait for its next event before it ends.
      return: () => body.return(undefined) as Promise<IteratorResult<string>>,
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  app.route({ method: ['GET', 'POST'], url: EVENT_STREAM_PATH, handler: answer });
  return () => {
    closing = true;
    // Close each connection after its stream: clients would keep it open for more requests, and the server would wait.
    for (const response of open) {
      const { socket } = response;
      response.once('finish', () => socket?.end());
    }
    setTimeout(() => open.forEach(response => response.destroy()), endpoint.maxDisconnectMs).unref();
  };
}

/** Returns all the ways in which a request names its document; graphql-sse rejects invalid JSON in the URL. */
function documentSentForStream({ query, documentId, doc_id, id, extensions }: Record<string, unknown>): SentDocument {
  const parsed = typeof extensions === 'string' ? parsedJson(extensions) : extensions;
  return { query, documentId, doc_id, id, extensions: parsed as SentDocument['extensions'] };
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function messageIn(body: string | null): string | undefined {
  return body === null ? undefined : (JSON.parse(body) as { errors: { message: string }[] }).errors[0]?.message;
}
