import type { FastifyBaseLogger } from 'fastify';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Database } from '../../database/database.js';
import { poolUse } from '../../database/connections/pool-use.js';
import { loggedError, type DatabaseFaults } from './database-faults.js';
import { runsByState } from '../../recounts/index.js';
import { reasonNotReady, withinProbeTime } from './readiness.js';

/** Adds the metrics of the database to a registry, and returns the function that updates them for each scrape. */
export function databaseMetrics(
  registry: Registry,
  database: Database,
  faults: DatabaseFaults,
  logger: FastifyBaseLogger,
): () => Promise<void> {
  const registers = [registry];
  const ready = new Gauge({
    name: 'rollcall_database_ready',
    help: '1 if the database answers and accepts changes, otherwise 0.',
    aggregator: 'min',
    registers,
  });
  new Counter({
    name: 'rollcall_database_faults_total',
    help: 'Faults of the database that reached a caller or background work, by kind.',
    labelNames: ['kind'],
    registers,
    collect() {
      this.reset();
      for (const [kind, count] of faults.counts) this.inc({ kind }, count);
    },
  });
  const connections = new Gauge({
    name: 'rollcall_database_connections',
    help: 'Connections of this process to the database, by state: active or idle.',
    labelNames: ['state'],
    registers,
  });
  const most = new Gauge({
    name: 'rollcall_database_connections_max',
    help: 'The most connections to the database that this process may have.',
    registers,
  });
  const waiting = new Gauge({
    name: 'rollcall_database_connections_waiting',
    help: 'Requests that wait for a connection to the database.',
    registers,
  });
  const runs = new Gauge({
    name: 'rollcall_runs',
    help: 'Recount runs recorded in the database, by state; absent if the database does not answer.',
    labelNames: ['state'],
    // Each worker counts the same runs.
    aggregator: 'max',
    registers,
  });

  return async () => {
    // First, because the questions below take a connection themselves.
    const use = await poolUse(database);
    connections.set({ state: 'active' }, use.active);
    connections.set({ state: 'idle' }, use.idle);
    most.set(use.most);
    waiting.set(use.waiting);
    runs.reset();
    const reason = await reasonNotReady(database, faults);
    ready.set(reason === null ? 1 : 0);
    if (reason !== null) return;
    try {
      for (const [state, count] of Object.entries(await withinProbeTime(() => runsByState(database))))
        runs.set({ state }, count);
    } catch (error) {
      logger.warn(loggedError(error), 'the runs could not be counted for /metrics');
    }
  };
}
