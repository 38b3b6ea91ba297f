import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Names the header that carries a request's id in and out. */
export const REQUEST_ID = 'x-request-id';

/** Matches ids as proxies and tracers make them; whatever else a client sends has no place in logs. */
const SANE = /^[\w.:=+/-]{1,100}$/;

/** Gives the id of a request: the one that came with it where that is sane, else a new one. */
export function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers[REQUEST_ID];
  return typeof given === 'string' && SANE.test(given) ? given : randomUUID();
}
