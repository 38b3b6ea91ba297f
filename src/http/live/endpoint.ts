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
import type { Clock, LiveCounts, Subscriber } from '../../live-counts/index.js';
import type { Viewer } from '../../access/viewer.js';
import type { ClientAddressOf } from '../limits/client-address.js';
import type { OperationRules } from '../limits/operation-limits.js';
import type { RawAnswers } from '../answers/raw-answer.js';
import { rateLimited, type Bill } from '../limits/rates/bill.js';
import { mistakePoints, operationPoints } from '../limits/rates/prices.js';
import type { RateLimits } from '../limits/rates/rate-limits.js';
import type { CurrentRequest } from '../observability/request-record.js';
import type { LiveConnections } from './connections.js';
import type { MessageThrottle } from './message-throttle.js';
import type { SharedMessages } from './shared-messages.js';

/** The parts that the endpoints for subscriptions share. */
export interface LiveEndpoint {
  readonly rules: OperationRules;
  readonly counts: LiveCounts;
  readonly connections: LiveConnections;
  readonly clock: Clock;
  /** The limit for the messages that all connections make. */
  readonly messageThrottle: MessageThrottle;
  /** The messages that are the same for several subscribers. */
  readonly sharedMessages: SharedMessages;
  readonly corsOrigins: Config['corsOrigins'];
  readonly contextOf: (subscriber: Subscriber) => Context;
  /** Verifies a token. Errors: TokenError. */
  readonly verify: (token: string) => Promise<Viewer>;
  /** Returns when a verified token is no longer accepted, in milliseconds since 1970. */
  readonly expiryOf: (token: string) => number;
  /** Returns the address of a request's client, as limits use it. */
  readonly clientAddressOf: ClientAddressOf;
  /** The rate limits of viewers and addresses; null if they are off. */
  readonly rates: RateLimits | null;
  /** Returns true if the server has more work than it can do in time. */
  readonly isOverloaded: () => boolean;
  /** Formats an error as its caller may see it. */
  readonly format: (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError;
  readonly current: CurrentRequest;
  /** The writer of refusals to clients that ask for a WebSocket. */
  readonly rawAnswers: RawAnswers;
  readonly logger: FastifyBaseLogger;
  /** Returns true if a subscriber's token has expired. */
  readonly isExpired: (subscriber: Subscriber) => boolean;
  /** The time limit for a subscription's first read, and for making each message, in seconds. */
  readonly seconds: number;
  /** The longest time that clients may take to disconnect when the server stops, in milliseconds. */
  readonly maxDisconnectMs: number;
}

/** A valid subscription. */
export interface SubscriptionRequest {
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  /** The variables to run it with. */
  readonly variables: Variables;
  /** The most that it can cost, in points. */
  readonly cost: number;
}

/** A request for a subscription as a client sent it, by either protocol. */
export interface SentRequest extends SentDocument {
  readonly query: string;
  readonly operationName?: string | null;
  readonly variables?: Record<string, unknown> | null;
}

/** Returns a subscriber with the viewer of its token, or without one. Errors: TokenError. */
export async function subscriberOf(
  { verify, expiryOf }: LiveEndpoint,
  token: string | null,
  client: Omit<Subscriber, 'viewer' | 'expiresAt'>,
): Promise<Subscriber> {
  if (token === null) return { ...client, viewer: null, expiresAt: null };
  return { ...client, viewer: await verify(token), expiresAt: expiryOf(token) };
}

/**
 * Returns the subscription that a client has sent, or what is wrong with it; codes and limits are as at /graphql, and
 * queries and mutations get BAD_REQUEST.
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
  // Queries and mutations have their limits, log lines and metrics at /graphql.
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

/** Returns the subscription that a client has sent after charging its cost, or the errors for which it is refused. */
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

/** Returns a result as its caller may see it, without `data` if all errors concern the request as a whole. */
export function presented({ format }: LiveEndpoint, { errors, data, ...rest }: ExecutionResult): ExecutionResult {
  if (!errors) return { data, ...rest };
  const isRefusal = data == null && errors.every(({ path }) => path === undefined);
  return {
    errors: errors.map(error => format(error.toJSON(), error)) as unknown as GraphQLError[],
    ...(!isRefusal && { data }),
    ...rest,
  };
}
