import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** What is to be called when a connection closes, each for an answer that is not out yet. */
const whenClosed = new WeakMap<Socket, Set<() => void>>();

/** Returns true where nobody takes an answer any more. */
export function isGone({ socket }: IncomingMessage, response: ServerResponse): boolean {
  return response.destroyed || (response.socket === null && socket.destroyed);
}

/**
 * Calls a function, once, when an answer is out or its client has gone.
 *
 * The answer's own `close` does not tell the latter where it waits behind another answer on its connection
 * (pipelining), for it has no connection until it is its turn.
 */
export function onceOver({ socket }: IncomingMessage, response: ServerResponse, over: () => void): void {
  const waiting = whenClosed.get(socket) ?? watched(socket);
  const once = (): void => {
    if (waiting.delete(once)) over();
  };
  waiting.add(once);
  response.once('close', once);
}

/** Watches a connection by one listener, however many answers it has. */
function watched(socket: Socket): Set<() => void> {
  const waiting = new Set<() => void>();
  whenClosed.set(socket, waiting);
  socket.once('close', () => {
    for (const once of waiting) once();
  });
  return waiting;
}
