import { ApolloServer } from '@apollo/server';
import { InMemoryLRUCache } from '@apollo/utils.keyvaluecache';
import fastifyApollo from '@as-integrations/fastify';
import type { FastifyBaseLogger, FastifyRequest } from 'fastify';
import type { Config } from '../config/config.js';
import type { Database } from '../database/database.js';
import { contextFor, type Context } from '../graphql/context.js';
import { documentRulesOf } from '../graphql/documents/documents.js';
import { errorFormatter } from '../graphql/errors/errors.js';
import { buildGraphqlSchema } from '../graphql/schema.js';
import { readTrustedDocuments } from '../graphql/documents/trusted-documents.js';
import type { Pace } from '../live-counts/index.js';
import { KnownSizes } from '../reading/index.js';
import { Background } from './background/background.js';
import { addBrowserRules } from './answers/browser-rules.js';
import { cachePolicy } from './answers/cache-policy.js';
import { DatabaseFaults, loggedError } from './observability/database-faults.js';
import { clientAddresses, proxyTrust } from './limits/client-address.js';
import type { ArrivalTimes } from './limits/connection-limits.js';
import { drainOf } from './drain.js';
import { addExploring, landingPage } from './exploring/index.js';
import { readJsonBodies } from './answers/json-body.js';
import { jsonStatus } from './answers/json-status.js';
import { newListener } from './listener.js';
import { isForWebSocket, serveLiveCounts } from './live/index.js';
import { loadThresholds, shedLoad, type LoadThresholds } from './limits/load-shedding.js';
import { startMetrics } from './observability/metrics.js';
import { operationLimits, type OperationRules } from './limits/operation-limits.js';
import { operationRecorder, recordingCodes } from './observability/operation-recorder.js';
import { chargePreflights, chargeRequests, rateHeadersOf, type Charging } from './limits/rates/request-charges.js';
import { costSettlement } from './limits/rates/cost-settlement.js';
import { RateLimits, type RateTimes } from './limits/rates/rate-limits.js';
import { reasonNotReady } from './observability/readiness.js';
import { lateRequests, refuseInGraphqlShape, refuseLate } from './answers/refusals.js';
import { requestLog } from './observability/request-log.js';
import { requestViewers } from './viewers/request-viewer.js';
import { cutOffSlowReaders } from './limits/slow-readers.js';
import { answeringTimeouts, limitRequests } from './limits/time-limits.js';
import { operationTracer, traceRequests } from './observability/tracing.js';
import { sendLess } from './answers/transfer.js';
import { warnOfUnnamedProxy } from './limits/unnamed-proxy.js';
import { viewersOf } from './viewers/viewers.js';

/** Is a server that listens. */
export interface RunningServer {
  /** Is the address of the GraphQL endpoint. */
  readonly url: string;
  /** Is the address of the metrics; null: they are off. */
  readonly metricsUrl: string | null;
  /**
   * Stops listening, lets the requests in flight finish for at most the configured time, closes the connections of
   * those that have not, and gives how many these were; meanwhile the runs at work are paused.
   */
  close(): Promise<number>;
}

/**
 * Limits the memory for persisted queries, in bytes: some thousands of them; those that were used longest ago go first.
 */
const PERSISTED_QUERIES = 8_388_608;

/** What a server is started with. */
export interface ServerOptions {
  readonly config: Config;
  readonly database: Database;
  readonly logger: FastifyBaseLogger;
  /** When live counts are looked at. */
  readonly pace?: Pace;
  /** How much work the server takes on. */
  readonly thresholds?: LoadThresholds;
  readonly rateTimes?: RateTimes;
  /** How long a client may take to send a request. */
  readonly arrival?: ArrivalTimes | undefined;
}

/**
 * Serves GraphQL at /graphql, a sign of life at /healthz, at /readyz whether the database answers, and pages for
 * exploring and metrics where the configuration says.
 */
export async function startServer({
  config,
  database,
  logger,
  pace,
  thresholds = loadThresholds(config),
  rateTimes,
  arrival,
}: ServerOptions): Promise<RunningServer> {
  let closing: Promise<number> | undefined;
  const trustProxy = proxyTrust(config.trustProxy);
  const { app, follow } = newListener(config, logger, {
    trustProxy,
    times: arrival,
    http: { shouldUpgradeCallback: isForWebSocket },
  });
  const faults = new DatabaseFaults(logger);
  const metrics = config.metrics === 'off' ? null : startMetrics(app, database, faults, logger);
  // Before all else that looks at requests: one that breaks off at once is known by then.
  const { requests, rawAnswers } = follow([requestLog(logger), ...(metrics ? [metrics.count] : [])], request =>
    rateHeadersOf(charging, request),
  );
  const { current } = requests;
  const drain = drainOf(app, config.shutdownTimeout, () => letGo());
  traceRequests(app);
  if (trustProxy === false) warnOfUnnamedProxy(app, logger);
  limitRequests(app, config.requestTimeout);
  cutOffSlowReaders(app, config.writeTimeout);
  const viewers = viewersOf(app, { config, database, faults, logger, current });
  const { verify } = viewers;
  const viewerOf = requestViewers(verify);
  const clientAddressOf = clientAddresses(trustProxy);
  const limits = config.rateLimits && new RateLimits(config.rateLimits, logger, rateTimes);
  const isLate = lateRequests(app, () => closing !== undefined);
  const charging: Charging | null = limits && {
    limits,
    clientAddressOf,
    viewerOf,
    isLate,
    requests,
    seconds: config.requestTimeout,
  };
  if (charging) chargePreflights(app, charging);
  await addBrowserRules(app, config);
  // Before all that refuses, so that refusals are charged too.
  if (charging) chargeRequests(app, charging);
  // After the rules for browsers, so that a page can read why it is refused.
  refuseLate(app, isLate);
  const load = await shedLoad(app, thresholds);
  refuseInGraphqlShape(app);
  readJsonBodies(app);
  await sendLess(app);
  const background = new Background({ config, database, faults, logger });
  const schema = buildGraphqlSchema();
  const report = (id: string, error: unknown): void =>
    logger.error({ requestId: current()?.id, errorId: id, err: error }, 'a request failed');
  const onFault = (error: unknown): void => void faults.note(error, { requestId: current()?.id });
  const format = recordingCodes(errorFormatter(report, { hidesSchema: config.production, onFault }), current);
  const documentRules = documentRulesOf(schema, config);
  const sizes = new KnownSizes(database, error =>
    logger.warn(loggedError(error), 'the sizes of the tables cannot be read; prices stay as they are'),
  );
  await sizes.refresh();
  const rules: OperationRules = {
    ...config,
    ...documentRules,
    sizes,
    trusted: config.trustedDocuments === null ? null : readTrustedDocuments(config.trustedDocuments, documentRules),
  };
  const apollo = new ApolloServer<Context>({
    schema,
    introspection: config.introspection,
    documentStore: null, // operationLimits() keeps what it has read.
    hideSchemaDetailsFromClientErrors: config.production,
    includeStacktraceInErrorResponses: false,
    formatError: format,
    // Those that clients bring along are not trusted ones.
    persistedQueries: rules.trusted ? false : { cache: new InMemoryLRUCache({ maxSize: PERSISTED_QUERIES }) },
    plugins: [
      answeringTimeouts(current),
      operationRecorder(current),
      operationTracer(),
      operationLimits(rules, current, format),
      jsonStatus(),
      ...cachePolicy(),
      costSettlement(current),
      landingPage(config),
    ],
    stopOnTerminationSignals: false,
    logger,
  });
  await apollo.start();
  await addExploring(app, config);
  await app.register(fastifyApollo(apollo), {
    path: '/graphql',
    method: ['GET', 'POST'],
    context: async (request: FastifyRequest) => contextFor(database, await viewerOf(request), background.runs),
  });
  const {
    counts,
    connections: listening,
    letGo,
  } = serveLiveCounts(app, {
    config,
    database,
    rules,
    verify,
    format,
    current,
    rawAnswers,
    logger,
    pace,
    clientAddressOf,
    rates: limits,
    isOverloaded: load.isOverloaded,
    contextOf: listener => contextFor(database, listener.viewer, background.runs, { counts, listener }),
  });
  viewers.watch(listening);
  metrics?.watch({ counts, connections: listening, limits, load, viewers });
  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const reason = await reasonNotReady(database, faults);
    return reply
      .code(reason === null ? 200 : 503)
      .send(reason === null ? { status: 'ready' } : { status: 'not ready', reason });
  });
  let ownMetricsUrl: string | null | undefined;
  try {
    await limits?.connect();
    ownMetricsUrl = await metrics?.expose(config);
    await app.listen({ host: config.host, port: config.port });
  } catch (error) {
    await app.close(); // Else the listener that could start would keep the process alive.
    throw error;
  }
  background.start();
  const { port } = app.server.address() as { port: number };
  const origin = `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`;
  return {
    url: `${origin}/graphql`,
    metricsUrl: metrics && (ownMetricsUrl ?? `${origin}/metrics`),
    // Once for all callers: Apollo's stop() never comes back to one who calls it while it stops.
    close: () => (closing ??= background.stopAround(drain).finally(() => apollo.stop())),
  };
}
