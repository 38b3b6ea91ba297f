import type { ApolloServerPlugin, GraphQLRequestListener } from '@apollo/server';
import type { GraphQLFormattedError } from 'graphql';
import { currentLimit } from '../../database/time-limits/time-limit.js';
import type { Context } from '../../graphql/context.js';
import { operationLabel } from './operation-label.js';
import type { CurrentRequest } from './request-record.js';

/**
 * Gives the Apollo plugin that puts the operation, the viewer and the userErrors on the request's record, at its end
 * and once.
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

/** Is what turns an error into what a caller may see. */
type FormatError = (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError;

/**
 * Gives the same function, which also puts the code of each error on the request's record, those included that come
 * before any operation; none of a client that has left, who is told nothing.
 */
export function recordingCodes(format: FormatError, current: CurrentRequest): FormatError {
  return (formatted, error) => {
    const told = format(formatted, error);
    if (currentLimit()?.reason !== 'client_gone') current()?.errorCodes.push(String(told.extensions?.['code']));
    return told;
  };
}
