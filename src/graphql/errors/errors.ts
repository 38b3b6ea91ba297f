import { unwrapResolverError } from '@apollo/server/errors';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { randomUUID } from 'node:crypto';
import { isUnsafeNumber } from 'mikro-orm-counters';
import type { Fault } from '../../database/faults/fault.js';
import { faultOf, isInterrupted } from '../../database/faults/fault-of.js';
import { currentLimit, WorkStopped, type TimeLimit } from '../../database/time-limits/time-limit.js';
import { NoTurn } from '../../database/connections/waiting-line.js';
import { AccessError } from '../../access/access.js';
import { TokenError, UncheckedTokenError } from '../../access/token-error.js';
import { visible } from '../../use-cases/quoted-text.js';
import { shortened } from '../../use-cases/shortened.js';
import { timeoutMessage } from '../../transactions/timeout-message.js';
import { isConflict, TransactionError, troubleOf, unavailableMessage } from '../../transactions/transaction-error.js';
import { errorCatalogue, type ErrorCode } from './error-catalogue.js';

/** Limits a message, in characters: GraphQL's own quote the value or name received, however large. */
const MAX_MESSAGE_LENGTH = 500;

/**
 * Matches what a message quotes; GraphQL quotes a value whole, so that the message would be cut before it says what is
 * wrong.
 */
const QUOTE = /"([^"\\]*(?:\\.[^"\\]*)*)"/gs;
/** Limits a quote in a message, in characters; our own are shorter. */
export const MAX_QUOTE_LENGTH = 150;
/** Matches the end of a quote that is cut already. */
const CUT = /… \(\d+ more\)$/;

/** Limits the places in the operation that an error names; one that compares fields names each of them. */
const MAX_LOCATIONS = 10;

/** Gives an error for callers, with a code of the catalogue and, where one is to blame, the path of the argument. */
export function codedError(code: ErrorCode, message: string, argument: string | null = null): GraphQLError {
  return new GraphQLError(message, { extensions: { code, ...(argument !== null && { argument }) } });
}

/** Gives the error for malformed input: the argument, the value received and what would be right. */
export function badUserInput(argument: string, message: string): GraphQLError {
  return codedError('BAD_USER_INPUT', `${argument}: ${message}`, argument);
}

/**
 * Returns the error that a request gets before anything runs: for a bad token status 401, for one that cannot be
 * checked now 503.
 */
export function tokenRefusal(error: TokenError): GraphQLError {
  const { status, headers } = httpOfTokenError(error);
  return new GraphQLError(error.message, {
    extensions: { code: tokenErrorCode(error), http: { status, headers: new Map(Object.entries(headers)) } },
    originalError: error,
  });
}

/** Returns the code of a token's error, as callers are told. */
export function tokenErrorCode({ code }: TokenError): ErrorCode {
  return code === 'TOKEN_NOT_ISSUED' ? 'UNAUTHENTICATED' : code;
}

/** Returns the HTTP status and headers of an answer to a request with such a token. */
export function httpOfTokenError(error: TokenError): { status: number; headers: Record<string, string> } {
  if (error instanceof UncheckedTokenError)
    return { status: 503, headers: { 'retry-after': UNCHECKED_RETRY_AFTER_SECONDS } };
  return { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } };
}

/** When to try again what cannot be checked now, in seconds. */
const UNCHECKED_RETRY_AFTER_SECONDS = '5';

/** Returns the error for a request whose time was over before anything of it ran: status 504. */
export function timedOut(error: WorkStopped): GraphQLError {
  return new GraphQLError(error.message, { extensions: { http: { status: 504 } }, originalError: error });
}

/** Reports an error that is not the caller's, whole, under the id that the caller is given. */
export type ReportError = (id: string, error: unknown) => void;

/** What an errorFormatter does besides; `onFault` takes each error that the database made and a caller was told of. */
export interface FormatterOptions {
  readonly hidesSchema?: boolean;
  readonly onFault?: (error: unknown) => void;
}

/**
 * Gives the function that turns whatever was thrown into what a caller may see: a code of the catalogue with its
 * message, or, for all else, INTERNAL_SERVER_ERROR with an id under which the error is reported whole. Guesses at names
 * of the schema are left out where the schema is hidden.
 */
export function errorFormatter(
  report: ReportError,
  { hidesSchema = false, onFault = () => undefined }: FormatterOptions = {},
): (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError {
  return (formatted, error) => {
    const cause = thrownBy(error);
    if (cause instanceof AccessError) return withCode(formatted, cause.code, cause.message);
    if (cause instanceof TransactionError) {
      onFault(cause);
      return withCode(formatted, cause.code, cause.message);
    }
    if (cause instanceof WorkStopped || isInterrupted(cause))
      return stopped(formatted, cause instanceof WorkStopped ? cause.limit : currentLimit());
    if (cause instanceof NoTurn) return crowdedOut(formatted, currentLimit());
    // Changes report what the database made themselves, so these came while reading: what was changed before is saved.
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

/** Returns a text as a message quotes it: cut where it is long, once. */
export function quotable(text: string): string {
  return text.length < MAX_QUOTE_LENGTH + 20 && CUT.test(text) ? text : shortened(text, MAX_QUOTE_LENGTH);
}

/**
 * Returns the error for a read that was stopped; where the request has changed something before, that is saved, and the
 * code says so.
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
 * Returns the error for a read that waited in vain for what others had locked; where the request has changed something
 * before, that is saved, and the code says so.
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
 * Returns the error for a read that the database failed; where the request has changed something before, that is saved,
 * and the code says so.
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
 * Returns the error for a read that got no connection in time; where the request has changed something before, that is
 * saved, and the code says so.
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
 * Gives a message without space around it, of which every character can be seen, its long quotes cut, and then itself.
 */
function readable(message: string): string {
  return shortened(
    visible(message.trim()).replace(QUOTE, (_, quote: string) => `"${quotable(quote)}"`),
    MAX_MESSAGE_LENGTH,
  );
}

/** Gives what a resolver, the context or GraphQL itself threw, without what was wrapped around it to say where. */
function thrownBy(error: unknown): unknown {
  let thrown = unwrapResolverError(error);
  while (thrown instanceof GraphQLError && thrown.originalError && !(thrown.originalError instanceof TokenError))
    thrown = thrown.originalError;
  return thrown;
}

/**
 * Tells whether an error was made for callers: with a code of the catalogue that is not the one for mistakes of ours.
 */
function isForCallers({ extensions }: GraphQLFormattedError, cause: unknown): boolean {
  const code = extensions?.['code'] as ErrorCode;
  return cause instanceof GraphQLError && Object.hasOwn(errorCatalogue, code) && code !== 'INTERNAL_SERVER_ERROR';
}

/**
 * Tells whether Apollo refused a request without giving a code, as it does where a hash does not fit its operation, or
 * says a version of persisted queries that is none.
 */
function isUnreadable(cause: unknown): boolean {
  return (
    cause instanceof GraphQLError &&
    cause.extensions['code'] === undefined &&
    (cause.extensions['http'] as { status?: number } | undefined)?.status === 400
  );
}

function withCode({ locations, path }: GraphQLFormattedError, code: ErrorCode, message: string): GraphQLFormattedError {
  return { message, ...(locations && { locations }), ...(path && { path }), extensions: { code } };
}
