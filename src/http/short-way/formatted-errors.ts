import { GraphQLError, type GraphQLFormattedError } from 'graphql';

/** The part of an HTTP answer that its errors determine. */
interface ErrorHead {
  readonly status?: number;
  readonly headers?: ReadonlyMap<string, string>;
}

/**
 * Returns the errors of an answer as Apollo Server passes them to `format`: with a code, and without the status and
 * headers that some determine, which are returned beside them.
 */
export function formattedErrors(
  errors: readonly unknown[],
  format: (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError,
): { readonly formatted: GraphQLFormattedError[]; readonly heads: readonly ErrorHead[] } {
  const heads: ErrorHead[] = [];
  const formatted = errors.map(thrown => {
    const error =
      thrown instanceof GraphQLError
        ? thrown
        : new GraphQLError(thrown instanceof Error ? thrown.message : String(thrown), {
            ...(thrown instanceof Error && { originalError: thrown }),
          });
    const { http, ...extensions } = error.extensions;
    if (typeof http === 'object' && http !== null) heads.push(http);
    return format({ ...error.toJSON(), extensions: { ...extensions, code: extensions['code'] ?? INTERNAL } }, thrown);
  });
  return { formatted, heads };
}

/** The code of an error without one. */
const INTERNAL = 'INTERNAL_SERVER_ERROR';
