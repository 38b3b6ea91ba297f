import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { isClientGone, onFinished } from '../answers/answer-finished.js';

/** The least that a client must take of an answer within the time limit, in bytes, unless the rest is smaller. */
const MIN_PROGRESS_BYTES = 16_384;

/** The counters that libuv keeps for a connection; Node's own socket timeouts read them too. */
interface SocketHandle {
  readonly bytesWritten: number;
  readonly writeQueueSize: number;
}

/**
 * Closes the connection of a client that takes nothing of an answer, or almost nothing, for a number of seconds, so
 * that the answer does not stay in memory for ever. A client that reads slowly but steadily may take longer. Streams of
 * events have rules of their own.
 */
export function cutOffSlowReaders(app: FastifyInstance, seconds: number): void {
  app.addHook('onSend', (request, reply, payload, done) => {
    const { raw } = reply;
    if (!isClientGone(request.raw, raw) && !String(reply.getHeader('content-type')).startsWith('text/event-stream'))
      watchReader(request.raw, raw, seconds);
    done(null, payload);
  });
}

/** Watches the client of an answer that is being sent, and closes its connection as above. */
export function watchReader(request: IncomingMessage, response: ServerResponse, seconds: number): void {
  const { socket } = request;
  let taken = takenOf(socket);
  const timer = setInterval(() => {
    const now = takenOf(socket);
    // If no bytes are buffered, the answer is waiting for earlier answers or for its own data, not for the client.
    if (socket.writableLength > 0 && now - taken < MIN_PROGRESS_BYTES) socket.destroy();
    taken = now;
  }, seconds * 1000).unref();
  onFinished(request, response, () => clearInterval(timer));
}

/** Returns how many bytes of a connection the operating system has taken, without those buffered in this process. */
function takenOf(socket: Socket): number {
  const { _handle: handle } = socket as Socket & { readonly _handle?: SocketHandle | null };
  return handle ? handle.bytesWritten - handle.writeQueueSize : 0;
}
