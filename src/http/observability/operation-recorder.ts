import type { ApolloServerPlugin, GraphQLRequestListener } from '@apollo/server';
import type { GraphQLFormattedError } from 'graphql';
import { currentLimit } from '../../database/time-limits/time-limit.js';
import type { Context } from '../../graphql/context.js';
import { operationLabel } from './operation-label.js';
import type { CurrentRequest } from './request-record.js';

/**
 * Returns the Apollo plugin that adds the operation, the viewer and the userErrors to the request's record, once, when
 * the request finishes.
 */
export function operationRecorder(current: CurrentRequest): ApolloServerPlugin<Context> {
  const listener: GraphQLRequestListener<Context> = {
    willSendResponse({ operation, document, contextValue }) {
      const record = current();
      if (!record) return Promise.resolve();
      record.isGraphql = true;
      record.viewer = contextValue.viewer;
      record.userErrorCodes.push(...contextValue.userErrorCodes);
      if (operation && document)
        record.operation = {
          type: operation.operation,
          name: operation.name?.value ?? null,
          field: operationLabel(operation, document),
        };
      return Promise.resolve();
    },
  };
  const listening = Promise.resolve(listener);
  return { requestDidStart: () => listening };
}

/** A function that formats an error as its caller may see it. */
type FormatError = (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError;

/**
 * Returns a function that formats errors as `format` does and adds the code of each to the request's record, including
 * errors before any operation, but not those of a client that has disconnected and gets no answer.
 */
export function recordingCodes(format: FormatError, current: CurrentRequest): FormatError {
  return (formatted, error) => {
    const told = format(formatted, error);
    if (currentLimit()?.reason !== 'client_gone') current()?.errorCodes.push(String(told.extensions?.['code']));
    return told;
  };
}
