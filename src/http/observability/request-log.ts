import type { FastifyBaseLogger } from 'fastify';
import type { TransactionErrorCode } from '../../transactions/transaction-error.js';
import type { EndedRequest } from './request-record.js';

/** Lists the routes that machines ask every few seconds. */
export const POLLED: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics']);

/**
 * Lists the routes whose requests come by the dozen: what is polled, and the files of a page; one that there is not has
 * no route.
 */
const FREQUENT: ReadonlySet<string> = new Set([...POLLED, '/explorer/*']);

/**
 * Lists the codes of errors that are the operator's concern rather than the caller's, every one of a transaction that
 * did not go through among them.
 */
const CONCERNS: ReadonlySet<string> = new Set(
  Object.keys({
    INTERNAL_SERVER_ERROR: true,
    READ_FAILED: true,
    RETRY_LATER: true,
    DATABASE_UNAVAILABLE: true,
    DATABASE_FULL: true,
    REQUEST_TIMEOUT: true,
    KEYS_UNAVAILABLE: true,
    COMMIT_UNKNOWN: true,
    UNSAFE_NUMBER: true,
  } satisfies Record<
    TransactionErrorCode | 'INTERNAL_SERVER_ERROR' | 'READ_FAILED' | 'KEYS_UNAVAILABLE' | 'UNSAFE_NUMBER',
    true
  >),
);

/** Limits what a client has written, an operation's name or a path, in characters. */
const LONGEST = 100;

/**
 * Gives the function that writes one line for each request: `warn` where the server had trouble, `debug` for polling
 * and a page's files that were answered, else `info`.
 */
export function requestLog(logger: FastifyBaseLogger): (request: EndedRequest) => void {
  return request => {
    const trouble = request.status >= 500 || request.errorCodes.some(code => CONCERNS.has(code));
    const level = trouble ? 'warn' : request.status < 400 && FREQUENT.has(request.route ?? '') ? 'debug' : 'info';
    logger[level](lineOf(request), 'request');
  };
}

/** Gives the fields of a request's line; what does not apply is left out. */
function lineOf({
  id,
  method,
  route,
  path,
  status,
  milliseconds,
  isGraphql,
  operation,
  viewer,
  errorCodes,
  userErrorCodes,
  retries,
  aborted,
}: EndedRequest): object {
  return {
    requestId: id,
    ...(method !== null && { method }),
    ...(path !== null && { path: route ?? path.slice(0, LONGEST) }),
    status,
    durationMs: Math.round(milliseconds * 100) / 100,
    ...(operation && {
      operationType: operation.type,
      operationName: operation.name?.slice(0, LONGEST),
      operation: operation.field,
    }),
    ...(viewer && { viewerId: viewer.userId, viewerRole: viewer.role }),
    ...((isGraphql || errorCodes.length > 0) && { errors: errorCodes.length }),
    ...(errorCodes.length > 0 && { errorCodes: [...new Set(errorCodes)] }),
    ...(isGraphql && { userErrors: userErrorCodes.length }),
    ...(userErrorCodes.length > 0 && { userErrorCodes: [...new Set(userErrorCodes)] }),
    ...(retries > 0 && { retries }),
    ...(aborted && { aborted }),
  };
}
