import type { SqlEntityManager } from '@mikro-orm/sql';
import { fastify, LogController, type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Config } from '../config.js';
import type { Database } from '../database/database.js';
import { protocols, type LiveCounts } from '../services/live-counts/index.js';
import { counterMetrics } from './counter-metrics.js';
import { databaseMetrics } from './database-metrics.js';
import { requestMetrics } from './request-metrics.js';
import type { EndedRequest } from './request-record.js';

/** Holds what Node itself measures: once for the process, for its observers cannot be stopped. */
let ofProcess: Registry | undefined;

/** Is the metrics of one server. */
export interface Metrics {
  readonly count: (request: EndedRequest) => void;
  /** Adds how many subscriptions there are. */
  watch(counts: LiveCounts): void;
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
    watch: counts => liveMetrics(registry, counts),
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

function liveMetrics(registry: Registry, counts: LiveCounts): void {
  new Gauge({
    name: 'rollcall_live_subscriptions',
    help: 'Subscriptions to live counts, by protocol: sse or ws.',
    labelNames: ['protocol'],
    registers: [registry],
    collect() {
      for (const protocol of protocols) this.set({ protocol }, counts.count(protocol));
    },
  });
}
