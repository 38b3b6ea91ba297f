import { getHeapStatistics } from 'node:v8';
import underPressure, { TYPE_EVENT_LOOP_DELAY, TYPE_HEAP_USED_BYTES } from '@fastify/under-pressure';
import type { FastifyInstance } from 'fastify';
import { Counter, type Registry } from 'prom-client';
import type { Config } from '../../config/config.js';
import { onFinished } from '../answers/answer-finished.js';
import { RefusedRequest, type RequestRefusal } from '../answers/refused-request.js';
import { POLLED_ROUTES } from '../observability/request-log.js';
import { Backlog, BACKLOG_SAMPLE_MS } from './backlog.js';

/** The limits of the work that the server accepts; beyond them it rejects requests. */
export interface LoadThresholds {
  /** The largest delay of the event loop, averaged over a second, in milliseconds. */
  readonly maxEventLoopDelayMs: number;
  /** The longest time that the server may need for the requests in flight, in milliseconds. */
  readonly maxBacklogMs: number;
  /** The largest part of the heap that may be in use, in bytes. */
  readonly maxHeapBytes: number;
  /**
   * A check whether the server is overloaded for another reason; made when the server starts, and every `everyMs`
   * milliseconds.
   */
  readonly isOverloaded?: { readonly ask: () => boolean; readonly everyMs: number };
}

/**
 * The largest usable share of the heap; above it, Node spends most of its time on garbage collection, and soon crashes.
 */
const MAX_HEAP_SHARE = 0.9;

/** Returns the thresholds of a server in production. A frontend stays far below them; a flood of requests does not. */
export function loadThresholds({ maxEventLoopDelay }: Pick<Config, 'maxEventLoopDelay'>): LoadThresholds {
  return {
    maxEventLoopDelayMs: maxEventLoopDelay,
    maxBacklogMs: maxEventLoopDelay,
    maxHeapBytes: MAX_HEAP_SHARE * getHeapStatistics().heap_size_limit,
  };
}

/** The seconds after which a rejected client may try again. */
export const OVERLOAD_RETRY_SECONDS = 5;

/** The answer to a request that is rejected because of the load. */
export const overloaded: RequestRefusal = {
  status: 503,
  code: 'OVERLOADED',
  message: `The server has more work than it can do in time. Nothing was done; try again in ${OVERLOAD_RETRY_SECONDS} s.`,
  headers: { 'retry-after': String(OVERLOAD_RETRY_SECONDS) },
};

/** A reason for rejecting a request. */
type ShedReason = 'event_loop' | 'backlog' | 'heap' | 'other';

/** The requests that were rejected so far, and whether a new one would be. */
export interface LoadShedding {
  readonly shed: Readonly<Record<ShedReason, number>>;
  readonly isOverloaded: () => boolean;
  /** Counts a request that is answered without Fastify, and returns the function to call when it is over. */
  readonly begin: () => () => void;
}

/** Rejects requests while the server has more work than it can do in time, except those to polled routes. */
export async function shedLoad(
  app: FastifyInstance,
  { maxEventLoopDelayMs, maxBacklogMs, maxHeapBytes, isOverloaded }: LoadThresholds,
): Promise<LoadShedding> {
  const shed: Record<ShedReason, number> = { event_loop: 0, backlog: 0, heap: 0, other: 0 };
  const backlog = new Backlog();
  const hasBacklog = (): boolean => backlog.milliseconds > maxBacklogMs;
  const reasonOf = (type: string): ShedReason => {
    if (type === TYPE_EVENT_LOOP_DELAY) return 'event_loop';
    if (type === TYPE_HEAP_USED_BYTES) return 'heap';
    return hasBacklog() ? 'backlog' : 'other';
  };
  await app.register(underPressure, {
    maxEventLoopDelay: maxEventLoopDelayMs,
    maxHeapUsedBytes: maxHeapBytes,
    healthCheck: () => {
      backlog.measure();
      return Promise.resolve(!hasBacklog() && !isOverloaded?.ask());
    },
    healthCheckInterval: isOverloaded?.everyMs ?? BACKLOG_SAMPLE_MS,
    pressureHandler: async (request, reply, type, value) => {
      // The plugin reports an infinite delay if it has not measured for a second, for example because the machine stood
      // still, which is over now.
      if (value === Infinity || POLLED_ROUTES.has(request.routeOptions.url ?? '')) return;
      shed[reasonOf(type)] += 1;
      reply.headers({ ...overloaded.headers });
      throw new RefusedRequest(overloaded.status, overloaded.code, overloaded.message);
    },
  });
  // After the hook that rejects requests, because a rejected request is not work.
  app.addHook('onRequest', ({ raw, routeOptions: { url } }, reply, done) => {
    if (url === '/graphql') onFinished(raw, reply.raw, backlog.begin());
    done();
  });
  return {
    shed,
    isOverloaded: () => app.isUnderPressure() && app.memoryUsage().eventLoopDelay !== Infinity,
    begin: () => backlog.begin(),
  };
}

/** Adds the metric of rejected requests to a registry. */
export function loadMetrics(registry: Registry, { shed }: LoadShedding): void {
  new Counter({
    name: 'rollcall_overloaded_total',
    help: 'Requests that were rejected with OVERLOADED, by reason: event_loop, backlog, heap or other.',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [reason, count] of Object.entries(shed)) this.inc({ reason }, count);
    },
  });
}
