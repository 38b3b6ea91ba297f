import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** The header that carries a request's id, in the request and in the answer. */
export const REQUEST_ID = 'x-request-id';

/** An id as proxies and tracers make them; anything else that a client sends must not reach the logs. */
const SANE_ID = /^[\w.:=+/-]{1,100}$/;

/** Returns the id of a request: the one in its header if that is sane, otherwise a new one. */
export function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers[REQUEST_ID];
  return typeof given === 'string' && SANE_ID.test(given) ? given : randomUUID();
}
