import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { GraphQLError, GraphQLFormattedError } from 'graphql';
import { CloseCode, handleProtocols, makeServer, MessageType } from 'graphql-ws';
import { WebSocketServer, type WebSocket } from 'ws';
import { codedError } from '../../graphql/errors/errors.js';
import { SubscriptionRefused } from '../../live-counts/index.js';
import { rejection, TokenError, UncheckedTokenError } from '../../access/token-error.js';
import { tokenIn } from '../viewers/bearer.js';
import { serverStopping, type Refusal } from '../answers/refusals.js';
import { requestIdOf } from '../observability/request-id.js';
import { overloaded } from '../limits/load-shedding.js';
import { Bill, rateLimited } from '../limits/rates/bill.js';
import { REQUEST_POINTS } from '../limits/rates/prices.js';
import { payerOf, type Standing } from '../limits/rates/rate-limits.js';
import { rateHeaders } from '../limits/rates/request-charges.js';
import { boundedSubscribe } from './bounded-subscribe.js';
import { grantedSubscriptionIn, listenerOf, presented, type LiveEndpoint } from './endpoint.js';
import { refusalOfOrigin, refusedOrigin } from './origins.js';
import { closeWith, SocketConnection } from './socket-connection.js';

/** Is the path at which subscriptions are served by WebSocket. */
const WEB_SOCKET_PATH = '/graphql';
/** Limits a message of a client, in bytes: a thousand ids take 19 kB, and their query a few hundred bytes. */
const MAX_MESSAGE_BYTES = 65_536;
/** Limits in how many pieces a message may come: frames, and parts of them that wait for the rest. */
const MAX_FRAGMENTS = 64;
const MAX_BUFFERED_CHUNKS = 1024;
/** Limits the id of a subscription, in characters, for each message repeats it; clients take 36. */
const MAX_ID_LENGTH = 256;
/** Limits the message "ping" whose payload is sent back, in characters; the answer to a longer one has none. */
const MAX_ECHOED_LENGTH = 1024;
/** Limits how long a client may take to close a connection that this server closes, in milliseconds. */
const CLOSE_TIMEOUT = 5000;
/** Is the close code for clients that are to connect again later. */
const TRY_AGAIN_LATER = 1013;
/** Is when a client that is not let in may try again, in seconds. */
const RETRY_AFTER = '5';

/** Lists the types of messages that clients may send. */
const ofClients: ReadonlySet<unknown> = new Set([
  MessageType.ConnectionInit,
  MessageType.Ping,
  MessageType.Pong,
  MessageType.Subscribe,
  MessageType.Complete,
]);

/**
 * Tells whether a request is to leave HTTP; others that ask for an upgrade, to HTTP/2 say, are answered as if they had
 * not.
 */
export function isForWebSocket({ headers, url }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket' && url?.split('?', 1)[0] === WEB_SOCKET_PATH;
}

/** Serves subscriptions by the protocol graphql-transport-ws; gives the function that lets the clients go (1001). */
export function serveWebSockets(app: FastifyInstance, endpoint: LiveEndpoint): () => void {
  const { logger, connections, isExpired } = endpoint;
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols,
    maxPayload: MAX_MESSAGE_BYTES,
    maxFragments: MAX_FRAGMENTS,
    maxBufferedChunks: MAX_BUFFERED_CHUNKS,
    closeTimeout: CLOSE_TIMEOUT,
    // One message in each turn of the event loop, so that others are served between them.
    allowSynchronousEvents: false,
  } as WebSocketServer['options']);
  const protocol = makeServer<Record<string, unknown>, SocketConnection>({
    async onConnect({ connectionParams, extra }) {
      try {
        const { address } = extra;
        extra.begin(
          await listenerOf(endpoint, tokenIn(headerIn(connectionParams)), {
            protocol: 'ws',
            address,
            outlet: extra.outlet,
            gone: extra.gone,
          }),
        );
        return true;
      } catch (error) {
        if (error instanceof UncheckedTokenError) extra.close(TRY_AGAIN_LATER, error.message);
        else if (error instanceof TokenError) extra.sendAway(error);
        else if (error instanceof SubscriptionRefused) {
          connections.refuse('connections');
          extra.close(TRY_AGAIN_LATER, error.message);
        } else throw error;
        return false;
      }
    },
    async onSubscribe({ extra }, _id, sent) {
      const listener = extra.listener!;
      extra.subscriptions += 1;
      if (isExpired(listener)) {
        const error = rejection('The token has expired. Get a new one.');
        extra.sendAway(error);
        return [codedError('UNAUTHENTICATED', error.message)];
      }
      const bill = endpoint.rates && new Bill(endpoint.rates, payerOf(listener.viewer, extra.address));
      const unpaid = await bill?.charge(REQUEST_POINTS);
      const found = unpaid ? [rateLimited(unpaid)] : await grantedSubscriptionIn(endpoint, listener.viewer, sent, bill);
      if (Array.isArray(found)) return found;
      return {
        schema: endpoint.rules.schema,
        document: found.document,
        operationName: sent.operationName,
        variableValues: found.variables,
        contextValue: endpoint.contextOf(listener),
      };
    },
    subscribe: args => boundedSubscribe(args, endpoint.seconds),
    onNext({ extra }, _id, _payload, _args, result) {
      // Not each such error: it may be of a field that only who is signed in may read.
      const expired =
        isExpired(extra.listener!) && result.errors?.find(({ extensions }) => extensions['code'] === 'UNAUTHENTICATED');
      // For the client to connect again with another token; the message itself does not go out any more.
      if (expired) extra.sendAway(rejection(expired.message));
      return presented(endpoint, result);
    },
    onError: (_connection, _id, _payload, errors) =>
      errors.map(error => endpoint.format((error as GraphQLError).toJSON(), error)) as readonly GraphQLFormattedError[],
  });

  function serve(socket: WebSocket, request: IncomingMessage, connection: SocketConnection): void {
    const start = performance.now();
    let echoes = true;
    const takeUp = (text: string, isBinary: boolean, take: (text: string) => Promise<void>): void => {
      // Of one that is being closed nothing more is heard.
      if (socket.readyState !== socket.OPEN) return;
      const message = isBinary
        ? { mistake: 'Send messages as text.' }
        : readMessage(text, endpoint.rules.trusted !== null);
      if ('mistake' in message) return connection.close(CloseCode.BadRequest, message.mistake);
      echoes = message.text.length <= MAX_ECHOED_LENGTH;
      take(message.text).catch((error: unknown) => {
        if (socket.readyState !== socket.OPEN) return; // The client left in the middle of a message.
        logger.error({ err: error }, 'a WebSocket message failed');
        connection.close(CloseCode.InternalServerError, 'Internal server error');
      });
    };
    const closed = protocol.opened(
      {
        protocol: socket.protocol,
        // Each is waited for, so that a client that reads slowly only has the latest waiting for it.
        send: data => connection.send(data),
        close: (code = CloseCode.InternalServerError, reason = '') => connection.close(code, reason),
        onPing: payload =>
          connection.send(JSON.stringify({ type: MessageType.Pong, ...(payload && echoes && { payload }) })),
        onMessage: take =>
          socket.on('message', (data, isBinary) => connection.receive(() => takeUp(String(data), isBinary, take))),
      },
      connection,
    );
    // What a client sends against the protocol of WebSocket; the connection is closed by then.
    socket.on('error', error => logger.debug({ err: error }, 'a WebSocket connection failed'));
    socket.once('close', (code, reason) => {
      const viewer = connection.listener?.viewer;
      logger.info(
        {
          requestId: requestIdOf(request),
          path: WEB_SOCKET_PATH,
          code,
          durationMs: Math.round(performance.now() - start),
          subscriptions: connection.subscriptions,
          ...(viewer && { viewerId: viewer.userId, viewerRole: viewer.role }),
        },
        'websocket',
      );
      void closed(code, String(reason));
    });
  }

  function refuse(request: IncomingMessage, socket: Duplex, answer: Refusal): void {
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
    const answer: Refusal = {
      status: 400,
      code: 'BAD_REQUEST',
      message: `This is no request for a WebSocket: ${message}.`,
      headers: { 'sec-websocket-version': '13, 8' },
    };
    refuse(request, socket, answer);
  });

  /** How those who asked for a WebSocket stand by the limit of their address. */
  const standings = new WeakMap<IncomingMessage, Standing>();
  let closing = false;
  app.server.on(
    'upgrade',
    (request: IncomingMessage, socket: Duplex, head: Buffer) => void admit(request, socket, head),
  );

  async function admit(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    // Who resets the connection then is no trouble, and nobody else listens for it.
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
    // By a close code, for a page is not told the status of a request for a WebSocket.
    if (unpaid)
      return sockets.handleUpgrade(request, socket, head, opened => turnAway(request, opened, unpaid.message));
    if (endpoint.isOverloaded()) return refuse(request, socket, overloaded);
    let giveBack: (() => void) | null;
    try {
      giveBack = connections.arrivals.take({ viewer: null, address });
    } catch (error) {
      if (!(error instanceof SubscriptionRefused)) throw error;
      connections.refuse('connections');
      return refuse(request, socket, {
        status: 429,
        code: error.code,
        message: error.message,
        headers: { 'retry-after': RETRY_AFTER },
      });
    }
    sockets.handleUpgrade(request, socket, head, opened => {
      serve(opened, request, new SocketConnection(opened, endpoint, address, giveBack!));
      giveBack = null;
    });
    // Where it came to no WebSocket.
    giveBack?.();
  }

  function turnAway(request: IncomingMessage, socket: WebSocket, reason: string): void {
    // Not 4429, after which clients give up for good.
    closeWith(
      socket.on('error', () => socket.terminate()),
      TRY_AGAIN_LATER,
      reason,
    );
    logger.info({ requestId: requestIdOf(request), path: WEB_SOCKET_PATH, code: TRY_AGAIN_LATER }, 'websocket');
  }

  return () => {
    closing = true;
    for (const socket of sockets.clients) socket.close(1001, 'The server stops. Connect again.');
    setTimeout(() => sockets.clients.forEach(socket => socket.terminate()), endpoint.grace).unref();
  };
}

/**
 * Gives a message as the package is to have it, or the mistake in one that it would take for one of ours, or repeat at
 * length; it sees to the others.
 */
function readMessage(text: string, byId: boolean): { text: string } | { mistake: string } {
  let message: { type?: unknown; id?: unknown; payload?: { query?: unknown } } | null;
  try {
    message = JSON.parse(text) as typeof message;
    // The package asks for a text where an id stands for it.
    if (
      byId &&
      message?.type === MessageType.Subscribe &&
      typeof message.payload === 'object' &&
      message.payload !== null
    )
      message.payload.query ??= '';
    else byId = false;
    if (typeof message?.type === 'string' && !ofClients.has(message.type))
      return { mistake: 'Clients send connection_init, ping, pong, subscribe and complete only.' };
    if (typeof message?.id === 'string' && message.id.length > MAX_ID_LENGTH)
      return { mistake: `The id has ${message.id.length} characters, and ${MAX_ID_LENGTH} are allowed.` };
    return { text: byId ? JSON.stringify(message) : text };
  } catch {
    // Nothing that can be read, or, in JSON, more within each other than can be written again.
    return { mistake: 'Invalid message received' };
  }
}

/**
 * Gives the authorization of a connection, which is what the header is elsewhere. Errors: TokenError for what is no
 * text.
 */
function headerIn(parameters: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const header = parameters?.['authorization'] ?? parameters?.['Authorization'] ?? undefined;
  if (header !== undefined && typeof header !== 'string')
    throw new TokenError('UNAUTHENTICATED', 'The connection parameter "authorization" must read "Bearer <token>".');
  return header;
}
