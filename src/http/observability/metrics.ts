import type { SqlEntityManager } from '@mikro-orm/sql';
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
import { newListener } from '../listener.js';
import { requestLog } from './request-log.js';
import { requestMetrics } from './request-metrics.js';
import type { EndedRequest } from './request-record.js';
import { sendLess } from '../answers/transfer.js';
import type { Viewers } from '../viewers/viewers.js';
import { waitMetrics } from './wait-metrics.js';

/** Holds what Node itself measures: once for the process, for its observers cannot be stopped. */
let ofProcess: Registry | undefined;

/** Is the metrics of one server. */
export interface Metrics {
  readonly count: (request: EndedRequest) => void;
  /**
   * Adds how many subscriptions and connections there are, what became of others, how many requests were refused for
   * the rate of a client (null: no limit) and for the load, and how tokens were checked.
   */
  watch(parts: {
    readonly counts: LiveCounts;
    readonly connections: LiveConnections;
    readonly limits: RateLimits | null;
    readonly load: LoadShedding;
    readonly viewers: Viewers;
  }): void;
  /**
   * Serves them at /metrics: beside the API, or on a listener of their own where METRICS is an address, which ends with
   * the server; gives its address. Errors: as of listening, with the variable that names the address.
   */
  expose(config: Config): Promise<string | null>;
}

/** Begins to count for one server, until it closes. */
export function startMetrics(
  app: FastifyInstance,
  database: Database,
  faults: DatabaseFaults,
  logger: FastifyBaseLogger,
): Metrics {
  if (!ofProcess) collectDefaultMetrics({ register: (ofProcess = new Registry()) });
  const registry = new Registry();
  const count = requestMetrics(registry);
  const stops = [counterMetrics(registry, database.em as SqlEntityManager), waitMetrics(registry, database)];
  app.addHook('onClose', () => Promise.resolve(stops.forEach(stop => stop())));
  const readDatabase = databaseMetrics(registry, database, faults, logger);
  const processRegistry = ofProcess;
  const text = async (): Promise<string> => {
    await readDatabase();
    return `${await registry.metrics()}\n${await processRegistry.metrics()}`;
  };
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
 * Returns a listener for nothing but metrics, whose answers have what those of the API have; its requests are logged,
 * and not counted.
 */
async function ownListener(config: Config, logger: FastifyBaseLogger): Promise<FastifyInstance> {
  const { app, follow } = newListener(config, logger);
  follow([requestLog(logger)]);
  await addBrowserRules(app, { ...config, corsOrigins: [] });
  refuseInGraphqlShape(app, 'The metrics are at /metrics.');
  await sendLess(app);
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
    help: 'Connections for live counts that were cut off, as their clients did not read what they were sent.',
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
    help: 'Tokens that were checked with keys older than ten minutes, since the identity provider did not give new ones.',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(viewers.staleKeyUses());
    },
  });
}
