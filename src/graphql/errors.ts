import { unwrapResolverError } from '@apollo/server/errors';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { randomUUID } from 'node:crypto';
import { AccessError } from '../services/access.js';
import { TokenError } from '../services/token-error.js';
import { isConnectionLost, TransactionError } from '../services/transaction-error.js';

/** Gives the error for malformed input: the argument, the value received and what would be right. */
export function badUserInput(argument: string, message: string): GraphQLError {
  return new GraphQLError(`${argument}: ${message}`, { extensions: { code: 'BAD_USER_INPUT', argument } });
}

/** Gives the error that a request with a bad token gets before anything runs: status 401. */
export function unauthenticated(error: TokenError): GraphQLError {
  return new GraphQLError(error.message, {
    extensions: { code: error.code, http: { status: 401, headers: new Map([['www-authenticate', 'Bearer error="invalid_token"']]) } },
    originalError: error,
  });
}

/** Reports an error that is not the caller's, whole, under the id that the caller is given. */
export type ReportError = (id: string, error: unknown) => void;

/** Gives the function that turns whatever was thrown into what a caller may see; unknown errors are masked and reported. */
export function errorFormatter(report: ReportError): (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError {
  return (formatted, error) => {
    const cause = unwrapResolverError(error);
    if (cause instanceof AccessError) return withCode(formatted, cause.code, cause.message);
    if (cause instanceof TransactionError) return withCode(formatted, cause.code, cause.message);
    // Changes report a lost connection themselves, so this one came while reading: what was changed before is saved.
    if (isConnectionLost(cause)) return withCode(formatted, 'READ_FAILED', 'The database cannot be reached for reading. What this request changed before, if anything, is saved; read it again.');
    const known = error instanceof GraphQLError && (error.originalError === undefined || error.originalError instanceof GraphQLError || error.originalError instanceof TokenError);
    if (known && formatted.extensions?.['code'] !== 'INTERNAL_SERVER_ERROR') return formatted;
    const id = randomUUID();
    report(id, cause);
    return withCode(formatted, 'INTERNAL_SERVER_ERROR', `Something went wrong on our side. Its id in the log is ${id}.`);
  };
}

function withCode({ locations, path }: GraphQLFormattedError, code: string, message: string): GraphQLFormattedError {
  return { message, ...(locations && { locations }), ...(path && { path }), extensions: { code } };
}
