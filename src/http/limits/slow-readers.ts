import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { isGone, onceOver } from '../answers/answer-over.js';

/**
 * The least that a client must take of an answer in the time that it has, in bytes; less of it only where that is the
 * rest.
 */
const MIN_PROGRESS_BYTES = 16_384;

/** What libuv knows of a connection; Node's own time limits for sockets look there, too. */
interface Handle {
  readonly bytesWritten: number;
  readonly writeQueueSize: number;
}

/**
 * Closes the connection of a client that takes nothing of an answer, or next to nothing, for so many seconds, so that
 * its bytes do not wait for ever; one that reads slowly and steadily may take longer. Streams of events have rules of
 * their own.
 */
export function cutOffSlowReaders(app: FastifyInstance, seconds: number): void {
  app.addHook('onSend', (request, reply, payload, done) => {
    const { raw } = reply;
    const { socket } = request.raw;
    if (!isGone(request.raw, raw) && !String(reply.getHeader('content-type')).startsWith('text/event-stream')) {
      let taken = takenOf(socket);
      const timer = setInterval(() => {
        const now = takenOf(socket);
        // Where nothing waits, the answer waits for others of the connection, or for what it is made of, and not for
        // the client.
        if (socket.writableLength > 0 && now - taken < MIN_PROGRESS_BYTES) socket.destroy();
        taken = now;
      }, seconds * 1000).unref();
      onceOver(request.raw, raw, () => clearInterval(timer));
    }
    done(null, payload);
  });
}

/** Returns how many bytes the system has taken for a connection: those that wait in this process are not among them. */
function takenOf(socket: Socket): number {
  const { _handle: handle } = socket as Socket & { readonly _handle?: Handle | null };
  return handle ? handle.bytesWritten - handle.writeQueueSize : 0;
}
