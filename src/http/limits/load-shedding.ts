import { getHeapStatistics } from 'node:v8';
import underPressure, { TYPE_EVENT_LOOP_DELAY, TYPE_HEAP_USED_BYTES } from '@fastify/under-pressure';
import type { FastifyInstance } from 'fastify';
import { Counter, type Registry } from 'prom-client';
import type { Config } from '../../config/config.js';
import { onceOver } from '../answers/answer-over.js';
import { RefusedRequest, type Refusal } from '../answers/refusals.js';
import { POLLED } from '../observability/request-log.js';
import { Backlog, BACKLOG_SAMPLE_MS } from './backlog.js';

/** How much work the server takes on before it turns requests away. */
export interface LoadThresholds {
  /** How late the event loop may be on average within a second, in milliseconds. */
  readonly maxEventLoopDelayMs: number;
  /** How long the server may need for the requests that it works on, in milliseconds. */
  readonly maxBacklogMs: number;
  /** How much of the heap may be in use, in bytes. */
  readonly maxHeapBytes: number;
  /**
   * Says whether the server is overloaded for another reason; asked as the server starts, and every so many
   * milliseconds.
   */
  readonly isOverloaded?: { readonly ask: () => boolean; readonly everyMs: number };
}

/**
 * The share of the largest possible heap above which Node spends most of its time looking for garbage, and soon dies.
 */
const MAX_HEAP_SHARE = 0.9;

/** Returns the thresholds of a server in use. A frontend never comes near them, a flood does. */
export function loadThresholds({ maxEventLoopDelay }: Pick<Config, 'maxEventLoopDelay'>): LoadThresholds {
  return {
    maxEventLoopDelayMs: maxEventLoopDelay,
    maxBacklogMs: maxEventLoopDelay,
    maxHeapBytes: MAX_HEAP_SHARE * getHeapStatistics().heap_size_limit,
  };
}

/** The seconds after which a client that was turned away may try again. */
export const OVERLOAD_RETRY_SECONDS = 5;

/** What a client is told that was turned away. */
export const overloaded: Refusal = {
  status: 503,
  code: 'OVERLOADED',
  message: `The server has more work than it can do in time. Nothing was done; try again in ${OVERLOAD_RETRY_SECONDS} s.`,
  headers: { 'retry-after': String(OVERLOAD_RETRY_SECONDS) },
};

/** Why a request was turned away. */
type Reason = 'event_loop' | 'backlog' | 'heap' | 'other';

/** The requests that were turned away, and whether those that come now would be. */
export interface LoadShedding {
  readonly shed: Readonly<Record<Reason, number>>;
  isOverloaded(): boolean;
}

/** Turns requests away while the server has more work than it can do in time, except those of what is polled. */
export async function shedLoad(
  app: FastifyInstance,
  { maxEventLoopDelayMs, maxBacklogMs, maxHeapBytes, isOverloaded }: LoadThresholds,
): Promise<LoadShedding> {
  const shed: Record<Reason, number> = { event_loop: 0, backlog: 0, heap: 0, other: 0 };
  const backlog = new Backlog();
  const hasBacklog = (): boolean => backlog.milliseconds > maxBacklogMs;
  const reasonOf = (type: string): Reason => {
    if (type === TYPE_EVENT_LOOP_DELAY) return 'event_loop';
    if (type === TYPE_HEAP_USED_BYTES) return 'heap';
    return hasBacklog() ? 'backlog' : 'other';
  };
  const measuring = setInterval(() => backlog.measure(), BACKLOG_SAMPLE_MS).unref();
  app.addHook('onClose', (_, done) => {
    clearInterval(measuring);
    done();
  });
  await app.register(underPressure, {
    maxEventLoopDelay: maxEventLoopDelayMs,
    maxHeapUsedBytes: maxHeapBytes,
    healthCheck: () => Promise.resolve(!hasBacklog() && !isOverloaded?.ask()),
    healthCheckInterval: isOverloaded?.everyMs ?? BACKLOG_SAMPLE_MS,
    pressureHandler: async (request, reply, type, value) => {
      // A second without any measurement is told as an endless delay: after a standstill of the machine, say, which is
      // over.
      if (value === Infinity || POLLED.has(request.routeOptions.url ?? '')) return;
      shed[reasonOf(type)] += 1;
      reply.headers({ ...overloaded.headers });
      throw new RefusedRequest(overloaded.status, overloaded.code, overloaded.message);
    },
  });
  // After the hook that turns requests away: what it turns away is no work.
  app.addHook('onRequest', ({ raw, routeOptions: { url } }, reply, done) => {
    if (url === '/graphql') onceOver(raw, reply.raw, backlog.begin());
    done();
  });
  return { shed, isOverloaded: () => app.isUnderPressure() && app.memoryUsage().eventLoopDelay !== Infinity };
}

/** Adds the metric of what was turned away to a registry. */
export function loadMetrics(registry: Registry, { shed }: LoadShedding): void {
  new Counter({
    name: 'rollcall_overloaded_total',
    help: 'Requests that were turned away with OVERLOADED, by reason: event_loop, backlog, heap or other.',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [reason, count] of Object.entries(shed)) this.inc({ reason }, count);
    },
  });
}
