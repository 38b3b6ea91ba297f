import { GraphQLError, type DocumentNode, type ExecutionResult, type GraphQLSchema } from 'graphql';
import { compileQuery, isCompiledQuery } from 'graphql-jit';
import type { Context } from '../context.js';
import type { Variables } from './variables.js';

/**
 * Runs a query that was compiled to a function; the variables must be valid. If there are several errors, graphql itself
 * would leave out those of fields whose parents are null because of others.
 */
export type RunQuery = (context: Context, variables: Variables) => ExecutionResult | Promise<ExecutionResult>;

/**
 * Returns the function that a valid document with a single query is compiled to; null: it cannot be compiled. The
 * document must belong to nobody else, because the compiler adds notes to its nodes.
 */
export function compiledQuery(schema: GraphQLSchema, document: DocumentNode): RunQuery | null {
  const compiled = compileQuery(schema, document, undefined, { disablingCapturingStackErrors: true });
  if (!isCompiledQuery(compiled)) return null;
  return (context, variables) => {
    const result = compiled.query(undefined, context, variables);
    return result instanceof Promise ? result.then(completed) : completed(result);
  };
}

/** Returns a result with the errors that graphql itself would have made. */
function completed({ data, errors }: ExecutionResult): ExecutionResult {
  return errors && errors.length > 0 ? { data: data ?? null, errors: errors.map(usualError) } : { data: data ?? null };
}

/** The compiler's errors lack parts that graphql's have, such as extensions. */
function usualError({ message, locations, path, originalError }: GraphQLError): GraphQLError {
  const error = new GraphQLError(message, { path: path ?? null, originalError: originalError ?? null });
  if (locations) Object.defineProperty(error, 'locations', { value: locations, enumerable: true });
  return error;
}
