import type { FastifyBaseLogger } from 'fastify';
import {
  getOperationAST,
  GraphQLError,
  OperationTypeNode,
  type DocumentNode,
  type ExecutionResult,
  type GraphQLFormattedError,
  type OperationDefinitionNode,
} from 'graphql';
import type { Config } from '../../config/config.js';
import type { Context } from '../../graphql/context.js';
import { readDocument } from '../../graphql/documents/documents.js';
import { codedError } from '../../graphql/errors/errors.js';
import type { SentDocument } from '../../graphql/documents/trusted-documents.js';
import { assessOperation } from '../../graphql/costs/query-limits.js';
import type { Variables } from '../../graphql/documents/variables.js';
import type { Listener, LiveCounts, Pace, Turns } from '../../live-counts/index.js';
import type { Viewer } from '../../access/viewer.js';
import type { ClientAddressOf } from '../limits/client-address.js';
import type { OperationRules } from '../limits/operation-limits.js';
import type { RawAnswers } from '../answers/raw-answer.js';
import { rateLimited, type Bill } from '../limits/rates/bill.js';
import { mistakePoints, operationPoints } from '../limits/rates/prices.js';
import type { RateLimits } from '../limits/rates/rate-limits.js';
import type { CurrentRequest } from '../observability/request-record.js';
import type { LiveConnections } from './connections.js';

/** Is what the endpoints for subscriptions share. */
export interface LiveEndpoint {
  readonly rules: OperationRules;
  readonly counts: LiveCounts;
  readonly connections: LiveConnections;
  readonly pace: Pace;
  /** Lets all connections make their messages in turns. */
  readonly turns: Turns;
  readonly corsOrigins: Config['corsOrigins'];
  readonly contextOf: (listener: Listener) => Context;
  /** Verifies a token. Errors: TokenError. */
  readonly verify: (token: string) => Promise<Viewer>;
  /** Returns when a verified token is no longer accepted, in milliseconds since 1970. */
  readonly expiryOf: (token: string) => number;
  /** Returns the address of a request's client, by which limits count. */
  readonly clientAddressOf: ClientAddressOf;
  /** The limits of what each viewer and address may ask for in a time; null: there are none. */
  readonly rates: RateLimits | null;
  /** Returns true where the server has more work than it can do in time. */
  readonly isOverloaded: () => boolean;
  /** Turns an error into what a caller may see. */
  readonly format: (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError;
  readonly current: CurrentRequest;
  /** Answers those who are not let in by WebSocket. */
  readonly rawAnswers: RawAnswers;
  readonly logger: FastifyBaseLogger;
  /** Returns true where a listener's token has expired. */
  readonly isExpired: (listener: Listener) => boolean;
  /** How long the first look of a subscription may take, and the making of each message, in seconds. */
  readonly seconds: number;
  /** Is how long a client may take to leave a server that stops, in milliseconds. */
  readonly grace: number;
}

/** Is a subscription that is valid. */
export interface SubscriptionRequest {
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  /** The variables to run it with. */
  readonly variables: Variables;
  /** What it can cost at most, in points. */
  readonly cost: number;
}

/** Is what a client has sent, by either protocol. */
export interface SentRequest extends SentDocument {
  readonly query: string;
  readonly operationName?: string | null;
  readonly variables?: Record<string, unknown> | null;
}

/** Gives who listens with a token, or without one. Errors: TokenError. */
export async function listenerOf(
  { verify, expiryOf }: LiveEndpoint,
  token: string | null,
  client: Omit<Listener, 'viewer' | 'expiresAt'>,
): Promise<Listener> {
  if (token === null) return { ...client, viewer: null, expiresAt: null };
  return { ...client, viewer: await verify(token), expiresAt: expiryOf(token) };
}

/**
 * Gives the subscription that a client has sent, or what is wrong with it; codes and limits as at /graphql, and
 * BAD_REQUEST for queries and mutations.
 */
function subscriptionIn(
  { rules }: LiveEndpoint,
  viewer: Viewer | null,
  request: SentRequest,
): SubscriptionRequest | GraphQLError[] {
  const { query, operationName, variables: sent } = request;
  const found = rules.trusted ? rules.trusted.find(request) : readDocument(query, rules);
  const read = found instanceof GraphQLError ? [found] : found;
  if (Array.isArray(read)) return read;
  const { document } = read;
  const operation = getOperationAST(document, operationName);
  if (!operation) {
    return [
      codedError(
        'OPERATION_RESOLUTION_FAILURE',
        operationName == null
          ? 'Must provide operation name if query contains multiple operations.'
          : `Unknown operation named "${operationName}".`,
      ),
    ];
  }
  // Those have their limits, log lines and metrics there.
  if (operation.operation !== OperationTypeNode.SUBSCRIPTION)
    return [
      codedError(
        'BAD_REQUEST',
        `Only subscriptions are served here; send a ${operation.operation} to /graphql by POST.`,
      ),
    ];
  const { cost, refusals, variables } = assessOperation(
    { schema: rules.schema, document, operation, variables: sent, hidesSchema: rules.hidesSchema, viewer },
    rules,
  );
  return refusals.length > 0 ? [...refusals] : { document, operation, variables, cost };
}

/** Gives the subscription that a client has sent, once its cost is charged, or why it is not served. */
export async function grantedSubscriptionIn(
  endpoint: LiveEndpoint,
  viewer: Viewer | null,
  sent: SentRequest,
  bill: Bill | null,
): Promise<SubscriptionRequest | GraphQLError[]> {
  const found = subscriptionIn(endpoint, viewer, sent);
  if (Array.isArray(found)) {
    await bill?.settle(mistakePoints(sent.query));
    return found;
  }
  const unpaid = await bill?.charge(operationPoints(sent.query, found.cost));
  return unpaid ? [rateLimited(unpaid)] : found;
}

/** Gives a result as its caller may see it; one that is only an error of the request has no data. */
export function presented({ format }: LiveEndpoint, { errors, data, ...rest }: ExecutionResult): ExecutionResult {
  if (!errors) return { data, ...rest };
  const isRefusal = data == null && errors.every(({ path }) => path === undefined);
  return {
    errors: errors.map(error => format(error.toJSON(), error)) as unknown as GraphQLError[],
    ...(!isRefusal && { data }),
    ...rest,
  };
}
