import type { FastifyRequest } from 'fastify';
import { unlessStopped, WorkStopped } from '../../database/time-limits/time-limit.js';
import { timedOut, tokenRefusal } from '../../graphql/errors/errors.js';
import { TokenError } from '../../access/token-error.js';
import type { Viewer } from '../../access/viewer.js';
import { tokenIn } from './bearer.js';

/**
 * Returns the function that returns a request's viewer, null without a token. It verifies the token only once, however
 * often it is called. Errors: those of an invalid token, and of a time limit, as GraphQL errors.
 */
export function requestViewers(
  verify: (token: string) => Promise<Viewer>,
): (request: FastifyRequest) => Promise<Viewer | null> {
  const viewers = new WeakMap<FastifyRequest, Promise<Viewer | null>>();
  return request => {
    const viewer = viewers.get(request) ?? viewerOf(request, verify);
    viewers.set(request, viewer);
    return viewer;
  };
}

async function viewerOf(request: FastifyRequest, verify: (token: string) => Promise<Viewer>): Promise<Viewer | null> {
  try {
    const token = tokenIn(request.headers.authorization);
    return token === null ? null : await unlessStopped(verify(token));
  } catch (error) {
    if (error instanceof TokenError) throw tokenRefusal(error);
    if (error instanceof WorkStopped) throw timedOut(error);
    throw error;
  }
}
