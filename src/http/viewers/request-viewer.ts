import type { FastifyRequest } from 'fastify';
import { unlessStopped, WorkStopped } from '../../database/time-limits/time-limit.js';
import { timedOut, tokenRefusal } from '../../graphql/errors/errors.js';
import { TokenError } from '../../access/token-error.js';
import type { Viewer } from '../../access/viewer.js';
import { tokenIn } from './bearer.js';

/**
 * Returns the function that says who sent a request, and verifies a request's token once however often it is called; a
 * token that fails its checks is an error, never nobody.
 */
export function requestViewers(
  verify: (token: string) => Promise<Viewer>,
): (request: FastifyRequest) => Promise<Viewer | null> {
  const known = new WeakMap<FastifyRequest, Promise<Viewer | null>>();
  return request => {
    const viewer = known.get(request) ?? viewerOf(request, verify);
    known.set(request, viewer);
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
