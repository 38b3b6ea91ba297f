import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { GraphQLError, GraphQLFormattedError } from 'graphql';
import { CloseCode, handleProtocols, makeServer } from 'graphql-ws';
import { WebSocketServer, type WebSocket } from 'ws';
import { codedError } from '../../graphql/errors.js';
import type { Listener } from '../../services/live-counts/index.js';
import { rejection, TokenError } from '../../services/token-error.js';
import { tokenIn } from '../bearer.js';
import { requestIdOf } from '../request-id.js';
import { listenerOf, presented, subscriptionIn, type LiveEndpoint } from './endpoint.js';

/** Is the path at which subscriptions are served by WebSocket. */
const WEB_SOCKET_PATH = '/graphql';
/** Limits a message of a client, in bytes: a thousand ids and their query take less. */
const MOST_BYTES = 131_072;
/** Is how often a client is asked for a sign of life, and how long it has for it, in milliseconds. */
const KEEP_ALIVE = 12_000;

/** Holds what is known of one connection. */
interface Extra {
  readonly socket: WebSocket;
  listener: Listener | null;
  subscriptions: number;
}

/** Tells whether a request is to leave HTTP; others that ask for an upgrade, to HTTP/2 say, are answered as if they had not. */
export function isForWebSocket({ headers, url }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket' && url?.split('?', 1)[0] === WEB_SOCKET_PATH;
}

/** Serves subscriptions by the protocol graphql-transport-ws; gives the function that lets the clients go (1001). */
export function serveWebSockets(app: FastifyInstance, endpoint: LiveEndpoint, now: () => number): () => void {
  const { logger } = endpoint;
  const isExpired = ({ expiresAt }: Listener): boolean => expiresAt !== null && expiresAt <= now();
  const sockets = new WebSocketServer({ noServer: true, handleProtocols, maxPayload: MOST_BYTES });
  const protocol = makeServer<Record<string, unknown>, Extra>({
    async onConnect({ connectionParams, extra }) {
      try {
        extra.listener = await listenerOf(endpoint, 'ws', tokenIn(headerIn(connectionParams)));
        return true;
      } catch (error) {
        if (!(error instanceof TokenError)) throw error;
        return leave(extra, error);
      }
    },
    onSubscribe({ extra }, _id, sent) {
      const listener = extra.listener!;
      extra.subscriptions += 1;
      if (isExpired(listener)) {
        const error = rejection('The token has expired. Get a new one.');
        leave(extra, error);
        return [codedError('UNAUTHENTICATED', error.message)];
      }
      const found = subscriptionIn(endpoint, sent);
      if (Array.isArray(found)) return found;
      return { schema: endpoint.rules.schema, document: found.document, operationName: sent.operationName, variableValues: found.variables, contextValue: endpoint.contextOf(listener) };
    },
    onNext({ extra }, _id, _payload, _args, result) {
      // Not each such error: it may be of a field that only who is signed in may read.
      const expired = isExpired(extra.listener!) && result.errors?.find(({ extensions }) => extensions['code'] === 'UNAUTHENTICATED');
      // For the client to connect again with another token; the message itself does not go out any more.
      if (expired) leave(extra, expired);
      return presented(endpoint, result);
    },
    onError: (_connection, _id, _payload, errors) => errors.map(error => endpoint.format((error as GraphQLError).toJSON(), error)) as readonly GraphQLFormattedError[],
  });

  function serve(socket: WebSocket, request: IncomingMessage): void {
    const start = performance.now();
    const extra: Extra = { socket, listener: null, subscriptions: 0 };
    const closed = protocol.opened(
      {
        protocol: socket.protocol,
        // Each is waited for, so that a client that reads slowly only has the latest waiting for it.
        send: data => new Promise((resolve, reject) => (socket.readyState === socket.OPEN ? socket.send(data, error => (error ? reject(error) : resolve())) : resolve())),
        close: (code, reason) => socket.close(code, reason),
        onMessage: take =>
          socket.on('message', data => {
            take(String(data)).catch((error: unknown) => {
              if (socket.readyState !== socket.OPEN) return; // The client left in the middle of a message.
              logger.error({ err: error }, 'a WebSocket message failed');
              socket.close(CloseCode.InternalServerError, 'Internal server error');
            });
          }),
      },
      extra,
    );
    const stopAsking = keepAlive(socket);
    // What a client sends against the protocol of WebSocket; the connection is closed by then.
    socket.on('error', error => logger.debug({ err: error }, 'a WebSocket connection failed'));
    socket.once('close', (code, reason) => {
      stopAsking();
      // The package knows one for each id, and a client may have given one id to several.
      if (extra.listener) endpoint.counts.endOf(extra.listener);
      const viewer = extra.listener?.viewer;
      logger.info(
        { requestId: requestIdOf(request), path: WEB_SOCKET_PATH, code, durationMs: Math.round(performance.now() - start), subscriptions: extra.subscriptions, ...(viewer && { viewerId: viewer.userId, viewerRole: viewer.role }) },
        'websocket',
      );
      void closed(code, String(reason));
    });
  }

  let closing = false;
  app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Who resets the connection then is no trouble, and nobody else listens for it.
    if (closing) socket.on('error', () => socket.destroy()).end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n');
    else sockets.handleUpgrade(request, socket, head, serve);
  });
  return () => {
    closing = true;
    for (const socket of sockets.clients) socket.close(1001, 'The server stops. Connect again.');
    setTimeout(() => sockets.clients.forEach(socket => socket.terminate()), endpoint.grace).unref();
  };
}

/** Asks a client for a sign of life from time to time, and ends its connection without; gives the function that stops that. */
function keepAlive(socket: WebSocket): () => void {
  let isAlive = true;
  socket.on('pong', () => (isAlive = true));
  const timer = setInterval(() => {
    if (!isAlive) return socket.terminate();
    isAlive = false;
    socket.ping();
  }, KEEP_ALIVE).unref();
  return () => clearInterval(timer);
}

/** Sends a client away for its token, with the code after which clients ask for a new one and connect again. */
function leave({ socket }: Extra, error: Error): false {
  socket.close(CloseCode.Forbidden, error.message);
  return false;
}

/** Gives the authorization of a connection, which is what the header is elsewhere. Errors: TokenError for what is no text. */
function headerIn(parameters: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const header = parameters?.['authorization'] ?? parameters?.['Authorization'] ?? undefined;
  if (header !== undefined && typeof header !== 'string') throw new TokenError('UNAUTHENTICATED', 'The connection parameter "authorization" must read "Bearer <token>".');
  return header;
}
