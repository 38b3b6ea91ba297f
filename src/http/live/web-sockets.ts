import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { ExecutionArgs, GraphQLFormattedError } from 'graphql';
import { CloseCode, handleProtocols, makeServer, MessageType } from 'graphql-ws';
import { WebSocketServer, type WebSocket } from 'ws';
import { shownKey } from '../../entities/index.js';
import { codedError } from '../../graphql/errors/errors.js';
import { SubscriptionRefused } from '../../live-counts/index.js';
import { rejection, TokenError, UncheckedTokenError } from '../../access/token-error.js';
import { tokenIn } from '../viewers/bearer.js';
import { serverStopping } from '../answers/late-requests.js';
import type { RequestRefusal } from '../answers/refused-request.js';
import { requestIdOf } from '../observability/request-id.js';
import { overloaded } from '../limits/load-shedding.js';
import { Bill, rateLimited } from '../limits/rates/bill.js';
import { REQUEST_POINTS } from '../limits/rates/prices.js';
import { payerOf, type Standing } from '../limits/rates/rate-limits.js';
import { rateHeaders } from '../limits/rates/request-charges.js';
import { boundedSubscribe, type SendTexts } from './bounded-subscribe.js';
import { REJECTED_RETRY_AFTER_SECONDS } from './connections.js';
import { grantedSubscriptionIn, presented, subscriberOf, type LiveEndpoint } from './endpoint.js';
import { refusalOfOrigin, refusedOrigin } from './origins.js';
import { closeWith, SocketConnection } from './socket-connection.js';
import { authorizationIn, readMessage } from './socket-messages.js';

/** The path for subscriptions by WebSocket. */
const WEB_SOCKET_PATH = '/graphql';
/** The largest message of a client, in bytes: a thousand ids take 19 kB, and their query a few hundred bytes. */
const MAX_MESSAGE_BYTES = 65_536;
/** The most frames of a message. */
const MAX_FRAGMENTS = 64;
/** The most parts of a frame that may wait for the rest of it. */
const MAX_BUFFERED_CHUNKS = 1024;
/** The longest message "ping" whose payload is sent back, in characters; the answer to a longer one has no payload. */
const MAX_ECHOED_CHARACTERS = 1024;
/** The longest time that a client may take to confirm that a connection closes, in milliseconds. */
const MAX_CLOSE_MS = 5000;
/** The close code for clients that should connect again later. */
const TRY_AGAIN_LATER = 1013;

/** A subscription of a WebSocket as graphql-ws passes it on. */
interface SocketArgs extends ExecutionArgs {
  readonly sendTexts: SendTexts;
}

/**
 * Returns true if a request asks to become a WebSocket; requests for another upgrade, to HTTP/2 for example, are
 * answered as if they had not asked.
 */
export function isForWebSocket({ headers, url }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket' && url?.split('?', 1)[0] === WEB_SOCKET_PATH;
}

/** Serves subscriptions by the protocol graphql-transport-ws; returns the function that closes them (1001). */
export function serveWebSockets(app: FastifyInstance, endpoint: LiveEndpoint): () => void {
  const { logger, connections, isExpired } = endpoint;
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols,
    maxPayload: MAX_MESSAGE_BYTES,
    maxFragments: MAX_FRAGMENTS,
    maxBufferedChunks: MAX_BUFFERED_CHUNKS,
    closeTimeout: MAX_CLOSE_MS,
    // One message in each turn of the event loop, so that other clients are served in between.
    allowSynchronousEvents: false,
  } as WebSocketServer['options']);
  const protocol = makeServer<Record<string, unknown>, SocketConnection>({
    async onConnect({ connectionParams, extra }) {
      try {
        const { address } = extra;
        extra.begin(
          await subscriberOf(endpoint, tokenIn(authorizationIn(connectionParams)), {
            protocol: 'ws',
            address,
            sendQueue: extra.sendQueue,
            gone: extra.gone,
          }),
        );
        return true;
      } catch (error) {
        if (error instanceof UncheckedTokenError) extra.close(TRY_AGAIN_LATER, error.message);
        else if (error instanceof TokenError) extra.disconnect(error);
        else if (error instanceof SubscriptionRefused) {
          connections.refuse('connections');
          extra.close(TRY_AGAIN_LATER, error.message);
        } else throw error;
        return false;
      }
    },
    async onSubscribe({ extra }, id, sent) {
      const subscriber = extra.subscriber!;
      extra.subscriptions += 1;
      if (isExpired(subscriber)) {
        const error = rejection('The token has expired. Get a new one.');
        extra.disconnect(error);
        return [codedError('UNAUTHENTICATED', error.message)];
      }
      const bill = endpoint.rates && new Bill(endpoint.rates, payerOf(subscriber.viewer, extra.address));
      const unpaid = await bill?.charge(REQUEST_POINTS);
      const found = unpaid
        ? [rateLimited(unpaid)]
        : await grantedSubscriptionIn(endpoint, subscriber.viewer, sent, bill);
      if (Array.isArray(found)) return found;
      const idText = JSON.stringify(id);
      const args: SocketArgs = {
        schema: endpoint.rules.schema,
        document: found.document,
        operationName: sent.operationName ?? null,
        variableValues: found.variables,
        contextValue: endpoint.contextOf(subscriber),
        // As graphql-ws would send the results.
        sendTexts: results =>
          extra.sendTogether(
            results.map(result => `{"id":${idText},"type":"${MessageType.Next}","payload":${result}}`),
          ),
      };
      return args;
    },
    subscribe: args => boundedSubscribe(args, endpoint, (args as SocketArgs).sendTexts),
    onNext({ extra }, _id, _payload, _args, result) {
      // Not for every such error: it may concern a field that only signed-in viewers may read.
      const expired =
        isExpired(extra.subscriber!) &&
        result.errors?.find(({ extensions }) => extensions['code'] === 'UNAUTHENTICATED');
      // The client should connect again with a new token; this message is not sent any more.
      if (expired) extra.disconnect(rejection(expired.message));
      return presented(endpoint, result);
    },
    onError: (_connection, _id, _payload, errors) =>
      errors.map(error => endpoint.format(error.toJSON(), error)) as readonly GraphQLFormattedError[],
  });

  function serve(socket: WebSocket, request: IncomingMessage, connection: SocketConnection): void {
    const start = performance.now();
    let echoes = true;
    const takeUp = (text: string, isBinary: boolean, take: (text: string) => Promise<void>): void => {
      // Messages that arrive while the connection closes are ignored.
      if (socket.readyState !== socket.OPEN) return;
      const message = isBinary
        ? { mistake: 'Send messages as text.' }
        : readMessage(text, endpoint.rules.trusted !== null);
      if ('mistake' in message) return connection.close(CloseCode.BadRequest, message.mistake);
      echoes = message.text.length <= MAX_ECHOED_CHARACTERS;
      take(message.text).catch((error: unknown) => {
        if (socket.readyState !== socket.OPEN) return; // The client disconnected during a message.
        logger.error({ err: error }, 'a WebSocket message failed');
        connection.close(CloseCode.InternalServerError, 'Internal server error');
      });
    };
    const closed = protocol.opened(
      {
        protocol: socket.protocol,
        // Each message is awaited, so that only the latest one waits for a client that reads slowly.
        send: data => connection.send(data),
        close: (code = CloseCode.InternalServerError, reason = '') => connection.close(code, reason),
        onPing: payload =>
          connection.send(JSON.stringify({ type: MessageType.Pong, ...(payload && echoes && { payload }) })),
        onMessage: take =>
          socket.on('message', (data, isBinary) =>
            connection.receive(() => takeUp((data as Buffer).toString(), isBinary, take)),
          ),
      },
      connection,
    );
    // The client violated the WebSocket protocol; the connection is already closed.
    socket.on('error', error => logger.debug({ err: error }, 'a WebSocket connection failed'));
    socket.once('close', (code, reason) => {
      const viewer = connection.subscriber?.viewer;
      logger.info(
        {
          requestId: requestIdOf(request),
          path: WEB_SOCKET_PATH,
          code,
          durationMs: Math.round(performance.now() - start),
          subscriptions: connection.subscriptions,
          ...(viewer && { viewerId: viewer.userId === null ? null : shownKey(viewer.userId), viewerRole: viewer.role }),
        },
        'websocket',
      );
      void closed(code, String(reason));
    });
  }

  function refuse(request: IncomingMessage, socket: Duplex, answer: RequestRefusal): void {
    const { method = 'GET' } = request;
    const headers = { ...rateHeadersOf(request), ...answer.headers };
    endpoint.rawAnswers.refuse(
      socket,
      { id: requestIdOf(request), method, path: WEB_SOCKET_PATH, route: WEB_SOCKET_PATH },
      { ...answer, headers },
    );
  }

  function rateHeadersOf(request: IncomingMessage): Record<string, string> {
    const standing = standings.get(request);
    return standing ? rateHeaders(standing) : {};
  }

  sockets.on('headers', (lines, request) => {
    for (const [name, value] of Object.entries(rateHeadersOf(request))) lines.push(`${name}: ${value}`);
  });

  sockets.on('wsClientError', ({ message }, socket, request) => {
    const answer: RequestRefusal = {
      status: 400,
      code: 'BAD_REQUEST',
      message: `This is not a WebSocket request: ${message}.`,
      headers: { 'sec-websocket-version': '13, 8' },
    };
    refuse(request, socket, answer);
  });

  /** The rate standing of the address of each WebSocket request. */
  const standings = new WeakMap<IncomingMessage, Standing>();
  let closing = false;
  app.server.on(
    'upgrade',
    (request: IncomingMessage, socket: Duplex, head: Buffer) => void admit(request, socket, head),
  );

  async function admit(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    // A client that resets the connection now is not an error, and nothing else handles the event.
    socket.on('error', () => socket.destroy());
    const address = endpoint.clientAddressOf(request);
    const bill = endpoint.rates && new Bill(endpoint.rates, payerOf(null, address));
    const unpaid = await bill?.charge(REQUEST_POINTS);
    if (socket.destroyed) return;
    if (bill?.standing) standings.set(request, bill.standing);
    if (closing) return refuse(request, socket, serverStopping);
    const origin = refusedOrigin(request.headers, endpoint.corsOrigins);
    if (origin !== null) {
      connections.refuse('origin');
      return refuse(request, socket, { status: 403, code: 'FORBIDDEN', message: refusalOfOrigin(origin) });
    }
    // With a close code, because a page does not see the status of a WebSocket request.
    if (unpaid)
      return sockets.handleUpgrade(request, socket, head, opened => rejectForRate(request, opened, unpaid.message));
    if (endpoint.isOverloaded()) return refuse(request, socket, overloaded);
    let release: (() => void) | null;
    try {
      release = connections.arrivals.acquire({ viewer: null, address });
    } catch (error) {
      if (!(error instanceof SubscriptionRefused)) throw error;
      connections.refuse('connections');
      return refuse(request, socket, {
        status: 429,
        code: error.code,
        message: error.message,
        headers: { 'retry-after': String(REJECTED_RETRY_AFTER_SECONDS) },
      });
    }
    sockets.handleUpgrade(request, socket, head, opened => {
      serve(opened, request, new SocketConnection(opened, endpoint, address, release!));
      release = null;
    });
    // The WebSocket was not established.
    release?.();
  }

  function rejectForRate(request: IncomingMessage, socket: WebSocket, reason: string): void {
    // Not 4429, after which clients give up permanently.
    closeWith(
      socket.on('error', () => socket.terminate()),
      TRY_AGAIN_LATER,
      reason,
    );
    logger.info({ requestId: requestIdOf(request), path: WEB_SOCKET_PATH, code: TRY_AGAIN_LATER }, 'websocket');
  }

  return () => {
    closing = true;
    for (const socket of sockets.clients) socket.close(1001, 'The server is stopping. Connect again.');
    setTimeout(() => sockets.clients.forEach(socket => socket.terminate()), endpoint.maxDisconnectMs).unref();
  };
}
