/**
 * The server, put together from the folders beside this file.
 *
 * `answers/` is the format of answers: refusals, bodies, headers, compression, caches. `limits/` is what clients may
 * use: connections, time, load, operations, and in `limits/rates/` points per client. `viewers/` finds out from the
 * token who the caller is. `live/` is the transport of live counts. `exploring/` are the pages for people who try the
 * API. `short-way/` answers known operations without the rest. `observability/` is the log, metrics, traces and readiness. `background/` is the work beside requests: the
 * schedule and recount runs. `workers/` are several processes of the server, and the primary process above them. `listener.ts` makes an HTTP server, and `drain.ts` stops it.
 */
import { ApolloServer } from '@apollo/server';
import { InMemoryLRUCache } from '@apollo/utils.keyvaluecache';
import fastifyApollo from '@as-integrations/fastify';
import type { FastifyBaseLogger, FastifyRequest } from 'fastify';
import type { Config } from '../config/config.js';
import type { Database } from '../database/database.js';
import { contextFor, type Context } from '../graphql/context.js';
import { KnownOperations, usualPace, type KnownOperationPace } from '../graphql/documents/known-operations.js';
import { documentRulesOf } from '../graphql/documents/documents.js';
import { errorFormatter } from '../graphql/errors/errors.js';
import { mapOf } from '../database/mapped/mapped-driver.js';
import { graphqlSchema } from '../graphql/schema.js';
import { readTrustedDocuments } from '../graphql/documents/trusted-documents.js';
import type { Clock } from '../live-counts/index.js';
import { CachedTableSizes, limitRowsRead } from '../reading/index.js';
import { Background } from './background/background.js';
import { addBrowserRules, corsHeaders, securityHeaders } from './answers/browser-rules.js';
import { cachePolicy } from './answers/cache-policy.js';
import { DatabaseFaults, loggedError } from './observability/database-faults.js';
import { clientAddresses, proxyTrust } from './limits/client-address.js';
import type { ArrivalTimes } from './limits/connection-limits.js';
import { drainOf } from './drain.js';
import { addExploring, landingPage } from './exploring/index.js';
import { readJsonBodies } from './answers/json-body.js';
import { jsonStatus } from './answers/json-status.js';
import { newHttpListener } from './listener.js';
import { isForWebSocket, serveLiveCounts } from './live/index.js';
import { loadThresholds, shedLoad, type LoadThresholds } from './limits/load-shedding.js';
import { startMetrics } from './observability/metrics.js';
import { operationLimits, type OperationRules } from './limits/operation-limits.js';
import { operationRecorder, recordingCodes } from './observability/operation-recorder.js';
import { chargePreflights, chargeRequests, rateHeadersOf, type Charging } from './limits/rates/request-charges.js';
import { costSettlement } from './limits/rates/cost-settlement.js';
import { newRateLimits, type RateTimes } from './limits/rates/rate-limits.js';
import { reasonNotReady } from './observability/readiness.js';
import { lateRequests, refuseLate } from './answers/late-requests.js';
import { refuseInGraphqlShape } from './answers/refusals.js';
import { requestLog } from './observability/request-log.js';
import { requestViewers } from './viewers/request-viewer.js';
import { cutOffSlowReaders } from './limits/slow-readers.js';
import { answeringTimeouts, limitRequests } from './limits/time-limits.js';
import { operationTracer, traceRequests } from './observability/tracing.js';
import { compressAndTag } from './answers/compress-and-tag.js';
import { warnOfUnnamedProxy } from './limits/unnamed-proxy.js';
import { PersistedTexts } from './short-way/persisted-texts.js';
import { takeShortWay } from './short-way/short-way.js';
import { viewersOf } from './viewers/viewers.js';
import type { Crew } from './workers/worker.js';

/** A server that is listening. */
export interface RunningServer {
  /** The URL of the GraphQL endpoint. */
  readonly url: string;
  /** The URL of the metrics; null if they are off. */
  readonly metricsUrl: string | null;
  /**
   * Stops listening, pauses the runs at work, waits for the requests in flight for at most the configured time, closes
   * the connections of those that have not finished, and returns their number.
   */
  readonly close: () => Promise<number>;
}

/**
 * The largest cache of persisted queries, in bytes, enough for some thousands; the least recently used are removed
 * first.
 */
const MAX_PERSISTED_QUERY_BYTES = 8_388_608;

/** The parts of a server, and what tests may replace. */
export interface ServerOptions {
  readonly config: Config;
  readonly database: Database;
  readonly logger: FastifyBaseLogger;
  /** The clock of live counts. */
  readonly clock?: Clock;
  /** The limits of the work that the server accepts. */
  readonly thresholds?: LoadThresholds;
  readonly rateTimes?: RateTimes;
  /** The longest times that a client may take to send a request. */
  readonly arrival?: ArrivalTimes | undefined;
  /** When an operation becomes known, and is answered the short way; null: never. */
  readonly knownOperations?: KnownOperationPace | null | undefined;
  /** The workers that this server is one of; null: it is alone. */
  readonly crew?: Crew | null;
}

/**
 * Starts a server: GraphQL at /graphql, liveness at /healthz, readiness of the database at /readyz, and the pages for
 * exploring and the metrics if they are configured. Errors: TrustedDocumentsError; those of listening, with `variable`
 * if METRICS names the address.
 */
export async function startServer({
  config,
  database,
  logger,
  clock,
  thresholds = loadThresholds(config),
  rateTimes,
  arrival,
  knownOperations = usualPace,
  crew = null,
}: ServerOptions): Promise<RunningServer> {
  let closing: Promise<number> | undefined;
  const trustProxy = proxyTrust(config.trustProxy);
  const { app, follow } = newHttpListener(config, logger, {
    trustProxy,
    times: arrival,
    http: { shouldUpgradeCallback: isForWebSocket },
  });
  limitRowsRead(database, config.maxRowsRead);
  const faults = new DatabaseFaults(logger);
  const metrics = config.metrics === 'off' ? null : startMetrics(app, database, faults, logger, crew);
  // Before all other hooks, so that a request that breaks off at once is already recorded.
  const { requests, rawAnswers } = follow([requestLog(logger), ...(metrics ? [metrics.count] : [])], request =>
    rateHeadersOf(charging, request),
  );
  const { current } = requests;
  const { stop: drain, requests: inFlight } = drainOf(app, config.shutdownTimeout, () => closeSubscriptions());
  traceRequests(app);
  if (trustProxy === false) warnOfUnnamedProxy(app, logger);
  limitRequests(app, config.requestTimeout);
  cutOffSlowReaders(app, config.writeTimeout);
  const viewers = viewersOf(app, { config, database, faults, logger, current });
  const { verify } = viewers;
  const viewerOf = requestViewers(verify);
  const clientAddressOf = clientAddresses(trustProxy);
  const limits = config.rateLimits && (await newRateLimits(config.rateLimits, logger, rateTimes, crew?.size));
  const isLate = lateRequests(
    app,
    () => closing !== undefined,
    response => inFlight.isOnTime(response),
  );
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
  // Before everything that rejects requests, so that those are charged too.
  if (charging) chargeRequests(app, charging);
  // After the rules for browsers, so that a page can read why it is rejected.
  refuseLate(app, isLate);
  const load = await shedLoad(app, thresholds);
  refuseInGraphqlShape(app);
  readJsonBodies(app);
  await compressAndTag(app);
  const background = new Background({ config, database, faults, logger });
  const schema = graphqlSchema(mapOf(database.driver));
  const report = (id: string, error: unknown): void =>
    logger.error({ requestId: current()?.id, errorId: id, err: error }, 'a request failed');
  const onFault = (error: unknown): void => void faults.note(error, { requestId: current()?.id });
  const format = recordingCodes(errorFormatter(report, { hidesSchema: config.production, onFault }), current);
  const documentRules = documentRulesOf(schema, config);
  const sizes = new CachedTableSizes(database, error =>
    logger.warn(loggedError(error), 'the sizes of the tables cannot be read; prices stay as they are'),
  );
  await sizes.refresh();
  const rules: OperationRules = {
    ...config,
    ...documentRules,
    sizes,
    trusted: config.trustedDocuments === null ? null : readTrustedDocuments(config.trustedDocuments, documentRules),
  };
  const finishing = [
    answeringTimeouts(current),
    operationRecorder(current),
    operationTracer(),
    jsonStatus(),
    ...cachePolicy(),
    costSettlement(current),
  ];
  const texts = new PersistedTexts();
  const apollo = new ApolloServer<Context>({
    schema,
    introspection: config.introspection,
    documentStore: null, // operationLimits() keeps the documents that it has read.
    hideSchemaDetailsFromClientErrors: config.production,
    includeStacktraceInErrorResponses: false,
    formatError: format,
    // Persisted queries come from clients, so they are not trusted documents.
    persistedQueries: rules.trusted ? false : { cache: new InMemoryLRUCache({ maxSize: MAX_PERSISTED_QUERY_BYTES }) },
    plugins: [...finishing, operationLimits(rules, current, format), texts.plugin(), landingPage(config)],
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
    closeSubscriptions,
  } = serveLiveCounts(app, {
    config,
    database,
    rules,
    verify,
    format,
    current,
    rawAnswers,
    logger,
    clock,
    clientAddressOf,
    rates: limits,
    isOverloaded: load.isOverloaded,
    contextOf: subscriber => contextFor(database, subscriber.viewer, background.runs, { counts, subscriber }),
  });
  if (!rules.trusted && knownOperations !== null)
    takeShortWay(app.server, {
      operations: new KnownOperations(rules, knownOperations),
      textOf: hash => texts.textOf(hash),
      requests,
      inFlight,
      load,
      knownViewer: viewers.known,
      contextOf: viewer => contextFor(database, viewer, background.runs),
      limits,
      clientAddressOf,
      format,
      plugins: finishing,
      headers: { ...securityHeaders(config), ...corsHeaders(config) },
      hasCors: config.corsOrigins.length > 0,
      trustsProxy: trustProxy !== false,
      requestSeconds: config.requestTimeout,
      writeSeconds: config.writeTimeout,
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
    await app.close(); // Otherwise a listener that has started would keep the process alive.
    throw error;
  }
  background.start();
  const { port } = app.server.address() as { port: number };
  const origin = `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`;
  const end = async (): Promise<number> => {
    try {
      return await background.stopAround(drain);
    } finally {
      await apollo.stop();
    }
  };
  return {
    url: `${origin}/graphql`,
    metricsUrl: metrics && (ownMetricsUrl ?? `${origin}/metrics`),
    // Once for all callers, because Apollo's stop() never resolves if it is called while it stops.
    close: () => (closing ??= end()),
  };
}
