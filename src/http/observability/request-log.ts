import type { FastifyBaseLogger } from 'fastify';
import { shownKey } from '../../entities/index.js';
import type { TransactionErrorCode } from '../../transactions/transaction-error.js';
import { MAX_LOGGED_CHARACTERS, type EndedRequest } from './request-record.js';

/** The routes that machines request every few seconds. */
export const POLLED_ROUTES: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics']);

/** The routes with many requests: the polled ones, and the files of a page; a file that does not exist has no route. */
const FREQUENT_ROUTES: ReadonlySet<string> = new Set([...POLLED_ROUTES, '/explorer/*']);

/**
 * The codes of errors that concern the operator rather than the caller, including every code of a failed transaction.
 */
const OPERATOR_CODES: ReadonlySet<string> = new Set(
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
    UNKNOWN_VALUE: true,
  } satisfies Record<
    | TransactionErrorCode
    | 'INTERNAL_SERVER_ERROR'
    | 'READ_FAILED'
    | 'KEYS_UNAVAILABLE'
    | 'UNSAFE_NUMBER'
    | 'UNKNOWN_VALUE',
    true
  >),
);

/**
 * Returns the function that logs one line for each request: at `warn` if something failed on the server, at `debug` for
 * polled routes and files of a page that were answered, otherwise at `info`.
 */
export function requestLog(logger: FastifyBaseLogger): (request: EndedRequest) => void {
  return request => {
    const trouble = request.status >= 500 || request.errorCodes.some(code => OPERATOR_CODES.has(code));
    const level = trouble
      ? 'warn'
      : request.status < 400 && FREQUENT_ROUTES.has(request.route ?? '')
        ? 'debug'
        : 'info';
    logger[level](logFieldsOf(request), 'request');
  };
}

/** Returns the fields of a request's log line; those that do not apply are left out. */
function logFieldsOf({
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
    ...(path !== null && { path: route ?? path.slice(0, MAX_LOGGED_CHARACTERS) }),
    status,
    durationMs: Math.round(milliseconds * 100) / 100,
    ...(operation && {
      operationType: operation.type,
      operationName: operation.name?.slice(0, MAX_LOGGED_CHARACTERS),
      operation: operation.field,
    }),
    ...(viewer && { viewerId: viewer.userId === null ? null : shownKey(viewer.userId), viewerRole: viewer.role }),
    ...((isGraphql || errorCodes.length > 0) && { errors: errorCodes.length }),
    ...(errorCodes.length > 0 && { errorCodes: [...new Set(errorCodes)] }),
    ...(isGraphql && { userErrors: userErrorCodes.length }),
    ...(userErrorCodes.length > 0 && { userErrorCodes: [...new Set(userErrorCodes)] }),
    ...(retries > 0 && { retries }),
    ...(aborted && { aborted }),
  };
}
