import type { FastifyBaseLogger } from 'fastify';
import { KeysError } from '../services/token-error.js';
import type { Viewer } from '../services/viewer.js';
import type { CurrentRequest } from './request-record.js';

/** Gives the same verifier, which also logs, whole and under the request's id, why keys cannot be had: callers are told only that. */
export function loggingMissingKeys(verify: (token: string) => Promise<Viewer>, logger: FastifyBaseLogger, current: CurrentRequest): (token: string) => Promise<Viewer> {
  return async token => {
    try {
      return await verify(token);
    } catch (error) {
      if (error instanceof KeysError) logger.error({ requestId: current()?.id, err: error }, 'the keys that verify tokens cannot be had');
      throw error;
    }
  };
}
