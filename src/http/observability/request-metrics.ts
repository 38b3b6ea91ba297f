import { Counter, Histogram, type Registry } from 'prom-client';
import type { EndedRequest } from './request-record.js';

/** The upper bounds of the buckets for durations, in seconds. */
const DURATION_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/**
 * Adds the metrics of requests to a registry, and returns the function that counts one.
 *
 * No label contains anything that a client chooses freely: routes, root fields and codes come from lists in the server.
 */
export function requestMetrics(registry: Registry): (request: EndedRequest) => void {
  const registers = [registry];
  const requests = new Counter({
    name: 'rollcall_http_requests_total',
    help: 'HTTP requests, by route (other if there is no such route) and status.',
    labelNames: ['route', 'status'],
    registers,
  });
  const left = new Counter({
    name: 'rollcall_http_requests_aborted_total',
    help: 'HTTP requests whose client disconnected before it had its answer, by route.',
    labelNames: ['route'],
    registers,
  });
  const operations = new Counter({
    name: 'rollcall_graphql_requests_total',
    help: 'GraphQL requests, by root field (several, introspection, invalid), type, and outcome: ok, user_error, error, timeout or aborted (the client disconnected before the answer).',
    labelNames: ['operation', 'type', 'outcome'],
    registers,
  });
  const durations = new Histogram({
    name: 'rollcall_graphql_request_duration_seconds',
    help: 'The duration of GraphQL requests, from their arrival to the end of the answer.',
    labelNames: ['operation', 'type'],
    buckets: DURATION_BUCKETS_SECONDS,
    registers,
  });
  const errors = new Counter({
    name: 'rollcall_graphql_errors_total',
    help: 'Errors in answers, by code.',
    labelNames: ['code'],
    registers,
  });
  const userErrors = new Counter({
    name: 'rollcall_graphql_user_errors_total',
    help: 'The userErrors of mutations, by code.',
    labelNames: ['code'],
    registers,
  });

  return ({ route, status, milliseconds, isGraphql, operation, errorCodes, userErrorCodes, aborted }) => {
    requests.inc({ route: route ?? 'other', status });
    if (aborted) left.inc({ route: route ?? 'other' });
    for (const code of errorCodes) errors.inc({ code });
    if (!isGraphql) return;
    for (const code of userErrorCodes) userErrors.inc({ code });
    const labels = { operation: operation?.field ?? 'invalid', type: operation?.type ?? 'none' };
    operations.inc({ ...labels, outcome: outcomeOf({ operation, errorCodes, userErrorCodes, aborted }) });
    durations.observe(labels, milliseconds / 1000);
  };
}

function outcomeOf({
  operation,
  errorCodes,
  userErrorCodes,
  aborted,
}: Pick<EndedRequest, 'operation' | 'errorCodes' | 'userErrorCodes' | 'aborted'>): string {
  // A subscription always ends when its client disconnects.
  if (aborted && operation?.type !== 'subscription') return 'aborted';
  if (errorCodes.includes('REQUEST_TIMEOUT')) return 'timeout';
  if (errorCodes.length > 0) return 'error';
  return userErrorCodes.length > 0 ? 'user_error' : 'ok';
}
