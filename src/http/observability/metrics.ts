import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { Config } from '../../config/config.js';
import type { Database } from '../../database/database.js';
import { protocols, type LiveCounts } from '../../live-counts/index.js';
import { refusalReasons, type LiveConnections } from '../live/index.js';
import { addBrowserRules } from '../answers/browser-rules.js';
import { counterMetrics } from './counter-metrics.js';
import type { RateLimits } from '../limits/rates/rate-limits.js';
import { rateMetrics } from '../limits/rates/rate-metrics.js';
import type { DatabaseFaults } from './database-faults.js';
import { databaseMetrics } from './database-metrics.js';
import { loadMetrics, type LoadShedding } from '../limits/load-shedding.js';
import { refuseInGraphqlShape } from '../answers/refusals.js';
import { newHttpListener } from '../listener.js';
import { requestLog } from './request-log.js';
import { requestMetrics } from './request-metrics.js';
import type { EndedRequest } from './request-record.js';
import { compressAndTag } from '../answers/compress-and-tag.js';
import type { Crew } from '../workers/worker.js';
import type { Viewers } from '../viewers/viewers.js';
import { waitMetrics } from './wait-metrics.js';

/** The metrics of Node itself, collected once per process because their observers cannot be stopped. */
let processMetrics: Registry | undefined;

/** The metrics of one server. */
export interface Metrics {
  readonly count: (request: EndedRequest) => void;
  /**
   * Adds the metrics of subscriptions and their connections, of requests refused because of a client's rate (`limits`
   * is null if the limits are off) or of the load, and of the keys that verify tokens.
   */
  readonly watch: (parts: {
    readonly counts: LiveCounts;
    readonly connections: LiveConnections;
    readonly limits: RateLimits | null;
    readonly load: LoadShedding;
    readonly viewers: Viewers;
  }) => void;
  /**
   * Serves them at /metrics: beside the API, or on a listener of their own if METRICS is an address; returns the URL of
   * that listener, which closes with the server. Errors: those of listening, with the variable that names the address.
   */
  readonly expose: (config: Config) => Promise<string | null>;
}

/**
 * Starts the metrics of one server; they count until it closes. In a worker, those of all workers are served: `crew` is
 * null elsewhere.
 */
export function startMetrics(
  app: FastifyInstance,
  database: Database,
  faults: DatabaseFaults,
  logger: FastifyBaseLogger,
  crew: Crew | null,
): Metrics {
  if (!processMetrics) collectDefaultMetrics({ register: (processMetrics = new Registry()) });
  const registry = new Registry();
  const count = requestMetrics(registry);
  const stops = [counterMetrics(registry, database.em), waitMetrics(registry, database)];
  app.addHook('onClose', () => Promise.resolve(stops.forEach(stop => stop())));
  const readDatabase = databaseMetrics(registry, database, faults, logger);
  const processRegistry = processMetrics;
  new Gauge({
    name: 'rollcall_processes',
    help: 'The processes that these metrics are of: 1, or the workers that answer.',
    registers: [registry],
  }).set(1);
  const ownText = async (): Promise<string> => {
    await readDatabase();
    return `${await registry.metrics()}\n${await processRegistry.metrics()}`;
  };
  crew?.answerWith(async () => {
    await readDatabase();
    return [...(await registry.getMetricsAsJSON()), ...(await processRegistry.getMetricsAsJSON())];
  });
  const text = crew?.metrics ?? ownText;
  const addRoute = (to: FastifyInstance): unknown =>
    to.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await text()));
  return {
    count,
    watch({ counts, connections, limits, load, viewers }) {
      liveMetrics(registry, counts, connections);
      loadMetrics(registry, load);
      rateMetrics(registry, limits);
      keyMetrics(registry, viewers);
    },
    async expose(config) {
      const place = config.metrics;
      if (typeof place === 'string') {
        addRoute(app);
        return null;
      }
      const own = await ownListener(config, logger);
      addRoute(own);
      app.addHook('onClose', () => own.close());
      try {
        return `${await own.listen({ ...place, listenTextResolver: address => `Metrics at ${address}/metrics` })}/metrics`;
      } catch (error) {
        throw Object.assign(error as Error, { variable: 'METRICS' });
      }
    },
  };
}

/**
 * Returns a listener for metrics only, whose answers have the same headers as those of the API; its requests are logged
 * but not counted.
 */
async function ownListener(config: Config, logger: FastifyBaseLogger): Promise<FastifyInstance> {
  const { app, follow } = newHttpListener(config, logger);
  follow([requestLog(logger)]);
  await addBrowserRules(app, { ...config, corsOrigins: [] });
  refuseInGraphqlShape(app, 'The metrics are at /metrics.');
  await compressAndTag(app);
  return app;
}

function liveMetrics(registry: Registry, counts: LiveCounts, connections: LiveConnections): void {
  const byProtocol = { labelNames: ['protocol'], registers: [registry] };
  new Gauge({
    ...byProtocol,
    name: 'rollcall_live_subscriptions',
    help: 'Subscriptions to live counts, by protocol: sse or ws.',
    collect() {
      for (const protocol of protocols) this.set({ protocol }, counts.count(protocol));
    },
  });
  new Gauge({
    ...byProtocol,
    name: 'rollcall_live_connections',
    help: 'Connections for live counts, by protocol; a WebSocket may have several subscriptions, or none yet.',
    collect() {
      for (const protocol of protocols) this.set({ protocol }, connections.count(protocol));
    },
  });
  new Counter({
    ...byProtocol,
    name: 'rollcall_live_slow_readers_total',
    help: 'Connections for live counts that were closed because their clients did not read what they were sent.',
    collect() {
      this.reset();
      for (const protocol of protocols) this.inc({ protocol }, connections.slowReaders(protocol));
    },
  });
  new Counter({
    name: 'rollcall_live_refusals_total',
    help: 'Connections for live counts that were refused, by reason: the origin of the page, or too many connections.',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      this.reset();
      for (const reason of refusalReasons) this.inc({ reason }, connections.refusals(reason));
    },
  });
}

function keyMetrics(registry: Registry, viewers: Viewers): void {
  new Counter({
    name: 'rollcall_stale_key_uses_total',
    help: 'Tokens that were checked with keys older than ten minutes, because the identity provider did not return new ones.',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(viewers.staleKeyUses());
    },
  });
}
