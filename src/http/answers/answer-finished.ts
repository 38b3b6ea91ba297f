import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** The callbacks to run when a connection closes, one for each answer that has not been sent completely. */
const closeCallbacks = new WeakMap<Socket, Set<() => void>>();

/** Returns true if the client of an answer has disconnected. */
export function isClientGone({ socket }: IncomingMessage, response: ServerResponse): boolean {
  return response.destroyed || (response.socket === null && socket.destroyed);
}

/**
 * Calls a function once, when an answer has been sent completely or its client has disconnected.
 *
 * The answer's own `close` event is not enough: an answer that waits behind another one on its connection (pipelining)
 * has no socket until its turn comes, so it does not see that the client disconnects.
 */
export function onFinished({ socket }: IncomingMessage, response: ServerResponse, over: () => void): void {
  const waiting = closeCallbacks.get(socket) ?? watchSocket(socket);
  const once = (): void => {
    if (waiting.delete(once)) over();
  };
  waiting.add(once);
  response.once('close', once);
}

/** Registers one listener per connection, however many answers the connection has, and returns its callbacks. */
function watchSocket(socket: Socket): Set<() => void> {
  const waiting = new Set<() => void>();
  closeCallbacks.set(socket, waiting);
  socket.once('close', () => {
    for (const once of waiting) once();
  });
  return waiting;
}
