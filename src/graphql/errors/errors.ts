import { unwrapResolverError } from '@apollo/server/errors';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { randomUUID } from 'node:crypto';
import { isUnsafeNumber } from 'mikro-orm-counters';
import type { Fault } from '../../database/faults/fault.js';
import { faultOf, isInterrupted } from '../../database/faults/fault-of.js';
import { currentLimit, WorkStopped, type TimeLimit } from '../../database/time-limits/time-limit.js';
import { WaitRefused } from '../../database/connections/wait-queue.js';
import { NotWritable } from '../../map/written-row.js';
import { AccessError } from '../../access/access.js';
import { TooManyRows } from '../../reading/index.js';
import { TokenError, UncheckedTokenError } from '../../access/token-error.js';
import { visible } from '../../use-cases/quoted-text.js';
import { shortened } from '../../use-cases/shortened.js';
import { timeoutMessage } from '../../transactions/timeout-message.js';
import { isConflict, TransactionError, troubleOf, unavailableMessage } from '../../transactions/transaction-error.js';
import { errorCatalogue, type ErrorCode } from './error-catalogue.js';

/** The most characters of a message: GraphQL's own messages quote the received value or name, however large. */
const MAX_MESSAGE_LENGTH = 500;

/**
 * The pattern of a quote in a message. GraphQL quotes a value completely, so the message would be cut before it says
 * what is wrong.
 */
const QUOTE = /"([^"\\]*(?:\\.[^"\\]*)*)"/gs;
/** The most characters of a quote in a message; our own are shorter. */
export const MAX_QUOTE_LENGTH = 150;
/** The pattern of the end of a shortened quote. */
const CUT = /… \(\d+ more\)$/;

/** The most locations of an error; an error that compares fields names each of them. */
const MAX_LOCATIONS = 10;

/** Returns an error for callers, with a code of the catalogue and the path of the argument that caused it, if any. */
export function codedError(code: ErrorCode, message: string, argument: string | null = null): GraphQLError {
  return new GraphQLError(message, { extensions: { code, ...(argument !== null && { argument }) } });
}

/** Returns the error for malformed input: the argument, the value received and a hint. */
export function badUserInput(argument: string, message: string): GraphQLError {
  return codedError('BAD_USER_INPUT', `${argument}: ${message}`, argument);
}

/**
 * Returns the error that a request gets before anything runs: status 401 for a bad token, 503 for one that cannot be
 * checked now.
 */
export function tokenRefusal(error: TokenError): GraphQLError {
  const { status, headers } = httpOfTokenError(error);
  return new GraphQLError(error.message, {
    extensions: { code: tokenErrorCode(error), http: { status, headers: new Map(Object.entries(headers)) } },
    originalError: error,
  });
}

/** Returns the code of a token's error, for callers. */
export function tokenErrorCode({ code }: TokenError): ErrorCode {
  return code === 'TOKEN_NOT_ISSUED' ? 'UNAUTHENTICATED' : code;
}

/** Returns the HTTP status and headers of an answer to a request with such a token. */
export function httpOfTokenError(error: TokenError): { status: number; headers: Record<string, string> } {
  if (error instanceof UncheckedTokenError)
    return { status: 503, headers: { 'retry-after': UNCHECKED_RETRY_AFTER_SECONDS } };
  return { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } };
}

/** The time after which a token that cannot be checked now can be sent again, in seconds. */
const UNCHECKED_RETRY_AFTER_SECONDS = '5';

/** Returns the error for a request whose time was over before anything of it ran: status 504. */
export function timedOut(error: WorkStopped): GraphQLError {
  return new GraphQLError(error.message, { extensions: { http: { status: 504 } }, originalError: error });
}

/** A function that reports an error that the caller did not cause, completely, under the id in the caller's message. */
export type ReportError = (id: string, error: unknown) => void;

/** The options of an errorFormatter; `onFault` receives each fault of the database that a caller gets. */
export interface FormatterOptions {
  readonly hidesSchema?: boolean;
  readonly onFault?: (error: unknown) => void;
}

/**
 * Returns the function that turns any thrown value into an error for callers: with a code of the catalogue and its
 * message, or with INTERNAL_SERVER_ERROR and an id under which the error is reported completely. If the schema is
 * hidden, messages contain no suggestions of its names.
 */
export function errorFormatter(
  report: ReportError,
  { hidesSchema = false, onFault = () => undefined }: FormatterOptions = {},
): (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError {
  return (formatted, error) => {
    const cause = thrownBy(error);
    if (cause instanceof AccessError || cause instanceof NotWritable)
      return withCode(formatted, cause.code, cause.message);
    if (cause instanceof TooManyRows) return withCode(formatted, cause.code, cause.message, cause.argument);
    if (cause instanceof TransactionError) {
      onFault(cause);
      return withCode(formatted, cause.code, cause.message);
    }
    if (cause instanceof WorkStopped || isInterrupted(cause))
      return stopped(formatted, cause instanceof WorkStopped ? cause.limit : currentLimit());
    if (cause instanceof WaitRefused) return crowdedOut(formatted, currentLimit());
    // Use cases report the faults of their own transactions, so these came from a read: earlier changes are saved.
    if (isConflict(cause)) return lockedOut(formatted, currentLimit());
    const fault = faultOf(cause);
    if (fault?.callerCode) {
      onFault(cause);
      return unread(formatted, fault, currentLimit());
    }
    if (isForCallers(formatted, cause)) {
      const message = hidesSchema ? formatted.message.replace(/ ?Did you mean .+\?$/s, '') : formatted.message;
      const { locations } = formatted;
      return {
        ...formatted,
        ...(locations && { locations: locations.slice(0, MAX_LOCATIONS) }),
        message: readable(message),
      };
    }
    if (isUnsafeNumber(cause)) {
      const place = randomUUID();
      report(place, cause);
      return withCode(
        formatted,
        'UNSAFE_NUMBER',
        `The database holds a number beyond ${Number.MAX_SAFE_INTEGER}, which cannot be read exactly. Its place is in the log under ${place}.`,
      );
    }
    if (isUnreadable(cause)) return withCode(formatted, 'BAD_REQUEST', readable(formatted.message));
    const id = randomUUID();
    report(id, cause);
    return withCode(
      formatted,
      'INTERNAL_SERVER_ERROR',
      `Something went wrong on our side. Its id in the log is ${id}.`,
    );
  };
}

/** Returns a text as a message quotes it: shortened if it is long, only once. */
export function quotable(text: string): string {
  return text.length < MAX_QUOTE_LENGTH + 20 && CUT.test(text) ? text : shortened(text, MAX_QUOTE_LENGTH);
}

/**
 * Returns the error for a read that was stopped; if the request has saved a change before, the code says so.
 */
function stopped(formatted: GraphQLFormattedError, limit: TimeLimit | undefined): GraphQLFormattedError {
  if (!limit?.maySave) return withCode(formatted, 'REQUEST_TIMEOUT', timeoutMessage(limit));
  return withCode(
    formatted,
    'READ_FAILED',
    `The request took longer than ${limit.seconds} s (REQUEST_TIMEOUT), so the reading was stopped. What this request changed before, if anything, is saved; read it again.`,
  );
}

/**
 * Returns the error for a read that waited too long for a lock; if the request has saved a change before, the code says
 * so.
 */
function lockedOut(formatted: GraphQLFormattedError, limit: TimeLimit | undefined): GraphQLFormattedError {
  if (!limit?.maySave)
    return withCode(
      formatted,
      'RETRY_LATER',
      'Others kept locked what was to be read. Nothing was changed; try again.',
    );
  return withCode(
    formatted,
    'READ_FAILED',
    'Others kept locked what was to be read. What this request changed before, if anything, is saved; read it again.',
  );
}

/**
 * Returns the error for a read that failed in the database; if the request has saved a change before, the code says
 * so.
 */
function unread(formatted: GraphQLFormattedError, fault: Fault, limit: TimeLimit | undefined): GraphQLFormattedError {
  if (fault.kind === 'disconnected' || fault.kind === 'stopped')
    return withCode(
      formatted,
      'READ_FAILED',
      'The database cannot be reached for reading. What this request changed before, if anything, is saved; read it again.',
    );
  if (!limit?.maySave) return withCode(formatted, fault.callerCode!, unavailableMessage(fault));
  return withCode(
    formatted,
    'READ_FAILED',
    `${troubleOf(fault)} What this request changed before, if anything, is saved; read it again.`,
  );
}

/**
 * Returns the error for a read that got no connection in time; if the request has saved a change before, the code says
 * so.
 */
function crowdedOut(formatted: GraphQLFormattedError, limit: TimeLimit | undefined): GraphQLFormattedError {
  if (!limit?.maySave)
    return withCode(
      formatted,
      'RETRY_LATER',
      'All connections of this server to the database were busy for too long. Nothing was changed; try again.',
    );
  return withCode(
    formatted,
    'READ_FAILED',
    'All connections of this server to the database were busy for too long. What this request changed before, if anything, is saved; read it again.',
  );
}

/**
 * Returns a message without surrounding space, with visible characters only, and with long quotes and itself shortened.
 */
function readable(message: string): string {
  return shortened(
    visible(message.trim()).replace(QUOTE, (_, quote: string) => `"${quotable(quote)}"`),
    MAX_MESSAGE_LENGTH,
  );
}

/** Returns what a resolver, the context or GraphQL itself threw, without the wrapper that adds the location. */
function thrownBy(error: unknown): unknown {
  let thrown = unwrapResolverError(error);
  while (thrown instanceof GraphQLError && thrown.originalError && !(thrown.originalError instanceof TokenError))
    thrown = thrown.originalError;
  return thrown;
}

/**
 * Returns true for an error that was made for callers: its code is in the catalogue, and not that of our own mistakes.
 */
function isForCallers({ extensions }: GraphQLFormattedError, cause: unknown): boolean {
  const code = extensions?.['code'] as ErrorCode;
  return cause instanceof GraphQLError && Object.hasOwn(errorCatalogue, code) && code !== 'INTERNAL_SERVER_ERROR';
}

/**
 * Returns true if Apollo rejected a request without a code, as it does if a hash does not match its operation, or if
 * the version of persisted queries is unknown.
 */
function isUnreadable(cause: unknown): boolean {
  return (
    cause instanceof GraphQLError &&
    cause.extensions['code'] === undefined &&
    (cause.extensions['http'] as { status?: number } | undefined)?.status === 400
  );
}

function withCode(
  { locations, path }: GraphQLFormattedError,
  code: ErrorCode,
  message: string,
  argument: string | null = null,
): GraphQLFormattedError {
  const extensions = { code, ...(argument !== null && { argument }) };
  return { message, ...(locations && { locations }), ...(path && { path }), extensions };
}
