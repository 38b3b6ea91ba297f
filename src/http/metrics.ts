import type { SqlEntityManager } from '@mikro-orm/sql';
import { fastify, LogController, type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { Config } from '../config.js';
import type { Database } from '../database/database.js';
import { protocols, type LiveCounts } from '../services/live-counts/index.js';
import { refusalReasons, type LiveConnections } from './live/index.js';
import { counterMetrics } from './counter-metrics.js';
import { databaseMetrics } from './database-metrics.js';
import { requestMetrics } from './request-metrics.js';
import type { EndedRequest } from './request-record.js';

/** Holds what Node itself measures: once for the process, for its observers cannot be stopped. */
let ofProcess: Registry | undefined;

/** Is the metrics of one server. */
export interface Metrics {
  readonly count: (request: EndedRequest) => void;
  /** Adds how many subscriptions and connections there are, and what became of others. */
  watch(counts: LiveCounts, connections: LiveConnections): void;
  /**
   * Serves them at /metrics: beside the API, or on a listener of their own where `place` is an address, which ends with
   * the server; gives its address. Errors: as of listening, with the variable that names the address.
   */
  expose(place: Config['metrics']): Promise<string | null>;
}

/** Begins to count for one server, until it closes. */
export function startMetrics(app: FastifyInstance, database: Database, logger: FastifyBaseLogger): Metrics {
  if (!ofProcess) collectDefaultMetrics({ register: (ofProcess = new Registry()) });
  const registry = new Registry();
  const count = requestMetrics(registry);
  const stop = counterMetrics(registry, database.em as SqlEntityManager);
  app.addHook('onClose', () => Promise.resolve(stop()));
  const readDatabase = databaseMetrics(registry, database, logger);
  const processRegistry = ofProcess;
  const text = async (): Promise<string> => {
    await readDatabase();
    return `${await registry.metrics()}\n${await processRegistry.metrics()}`;
  };
  const addRoute = (to: FastifyInstance): unknown => to.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await text()));
  return {
    count,
    watch: (counts, connections) => liveMetrics(registry, counts, connections),
    async expose(place) {
      if (typeof place === 'string') {
        addRoute(app);
        return null;
      }
      const own = fastify({ loggerInstance: logger, logController: new LogController({ disableRequestLogging: true }) });
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
