import { getHeapStatistics } from 'node:v8';
import underPressure, { TYPE_EVENT_LOOP_DELAY, TYPE_HEAP_USED_BYTES, TYPE_HEALTH_CHECK } from '@fastify/under-pressure';
import type { FastifyInstance } from 'fastify';
import { Counter, type Registry } from 'prom-client';
import type { Config } from '../../config/config.js';
import { RefusedRequest, type Refusal } from '../answers/refusals.js';
import { POLLED } from '../observability/request-log.js';

/** How much work the server takes on before it turns requests away. */
export interface LoadThresholds {
  /** How late the event loop may be on average within a second, in milliseconds. */
  readonly maxEventLoopDelayMs: number;
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
  return { maxEventLoopDelayMs: maxEventLoopDelay, maxHeapBytes: MAX_HEAP_SHARE * getHeapStatistics().heap_size_limit };
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
const reasons = {
  [TYPE_EVENT_LOOP_DELAY]: 'event_loop',
  [TYPE_HEAP_USED_BYTES]: 'heap',
  [TYPE_HEALTH_CHECK]: 'other',
} as const;
type Reason = (typeof reasons)[keyof typeof reasons];

/** The requests that were turned away, and whether those that come now would be. */
export interface LoadShedding {
  readonly shed: Readonly<Record<Reason, number>>;
  isOverloaded(): boolean;
}

/** Turns requests away while the server has more work than it can do in time, except those of what is polled. */
export async function shedLoad(
  app: FastifyInstance,
  { maxEventLoopDelayMs, maxHeapBytes, isOverloaded }: LoadThresholds,
): Promise<LoadShedding> {
  const shed: Record<Reason, number> = { event_loop: 0, heap: 0, other: 0 };
  await app.register(underPressure, {
    maxEventLoopDelay: maxEventLoopDelayMs,
    maxHeapUsedBytes: maxHeapBytes,
    ...(isOverloaded && {
      healthCheck: () => Promise.resolve(!isOverloaded.ask()),
      healthCheckInterval: isOverloaded.everyMs,
    }),
    pressureHandler: async (request, reply, type, value) => {
      // A second without any measurement is told as an endless delay: after a standstill of the machine, say, which is
      // over.
      if (value === Infinity || POLLED.has(request.routeOptions.url ?? '')) return;
      shed[reasons[type as keyof typeof reasons]] += 1;
      reply.headers({ ...overloaded.headers });
      throw new RefusedRequest(overloaded.status, overloaded.code, overloaded.message);
    },
  });
  return { shed, isOverloaded: () => app.isUnderPressure() && app.memoryUsage().eventLoopDelay !== Infinity };
}

/** Adds the metric of what was turned away to a registry. */
export function loadMetrics(registry: Registry, { shed }: LoadShedding): void {
  new Counter({
    name: 'rollcall_overloaded_total',
    help: 'Requests that were turned away with OVERLOADED, by reason: event_loop, heap or other.',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [reason, count] of Object.entries(shed)) this.inc({ reason }, count);
    },
  });
}
