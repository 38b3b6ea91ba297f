import { ApolloServer } from '@apollo/server';
import { InMemoryLRUCache } from '@apollo/utils.keyvaluecache';
import fastifyApollo from '@as-integrations/fastify';
import type { FastifyBaseLogger, FastifyRequest } from 'fastify';
import type { Config } from '../config.js';
import type { Database } from '../database/database.js';
import { unlessStopped, WorkStopped } from '../database/time-limit.js';
import { contextFor, type Context } from '../graphql/context.js';
import { documentRulesOf } from '../graphql/documents.js';
import { errorFormatter, timedOut, tokenRefusal, userCheckFailed } from '../graphql/errors.js';
import { buildGraphqlSchema } from '../graphql/schema.js';
import { readTrustedDocuments } from '../graphql/trusted-documents.js';
import type { Pace } from '../services/live-counts/index.js';
import { TokenError } from '../services/token-error.js';
import { isConnectionLost } from '../services/transaction-error.js';
import type { Viewer } from '../services/viewer.js';
import { Background } from './background.js';
import { tokenIn } from './bearer.js';
import { addBrowserRules } from './browser-rules.js';
import { cachePolicy } from './cache-policy.js';
import { clientAddresses, proxyTrust } from './client-address.js';
import { drainOf } from './drain.js';
import { addExploring, landingPage } from './exploring/index.js';
import { readJsonBodies } from './json-body.js';
import { jsonStatus } from './json-status.js';
import { newListener } from './listener.js';
import { isForWebSocket, serveLiveCounts } from './live/index.js';
import { startMetrics } from './metrics.js';
import { operationLimits, type OperationRules } from './operation-limits.js';
import { operationRecorder, recordingCodes } from './operation-recorder.js';
import { reasonNotReady } from './readiness.js';
import { refuseInGraphqlShape } from './refusals.js';
import { requestLog } from './request-log.js';
import { cutOffSlowReaders } from './slow-readers.js';
import { answeringTimeouts, limitRequests } from './time-limits.js';
import { operationTracer, traceRequests } from './tracing.js';
import { sendLess } from './transfer.js';
import { viewersOf } from './viewers.js';

/** Is a server that listens. */
export interface RunningServer {
  /** Is the address of the GraphQL endpoint. */
  readonly url: string;
  /** Is the address of the metrics; null: they are off. */
  readonly metricsUrl: string | null;
  /**
   * Stops listening, lets the requests in flight finish for at most the configured time, closes the connections of those
   * that have not, and gives how many these were; meanwhile the runs at work are paused.
   */
  close(): Promise<number>;
}

/** Limits the memory for persisted queries, in bytes: some thousands of them; those that were used longest ago go first. */
const PERSISTED_QUERIES = 8_388_608;

/** Serves GraphQL at /graphql, a sign of life at /healthz, at /readyz whether the database answers, and pages for exploring and metrics where the configuration says. */
export async function startServer({ config, database, logger, pace }: { config: Config; database: Database; logger: FastifyBaseLogger; pace?: Pace }): Promise<RunningServer> {
  let closing: Promise<number> | undefined;
  const trustProxy = proxyTrust(config.trustProxy);
  const { app, follow } = newListener(config, logger, { trustProxy, http: { shouldUpgradeCallback: isForWebSocket } });
  const metrics = config.metrics === 'off' ? null : startMetrics(app, database, logger);
  // Before all else that looks at requests: one that breaks off at once is known by then.
  const { requests, rawAnswers } = follow([requestLog(logger), ...(metrics ? [metrics.count] : [])]);
  const { current } = requests;
  const drain = drainOf(app, config.shutdownTimeout, () => letGo());
  traceRequests(app);
  limitRequests(app, config.requestTimeout);
  cutOffSlowReaders(app, config.writeTimeout);
  await addBrowserRules(app, config);
  // After the rules for browsers, so that a page can read why it is refused.
  refuseInGraphqlShape(app, { isStopping: () => closing !== undefined });
  readJsonBodies(app);
  await sendLess(app);
  const background = new Background({ config, database, logger });
  const schema = buildGraphqlSchema();
  const format = recordingCodes(errorFormatter((id, error) => logger.error({ requestId: current()?.id, errorId: id, err: error }, 'a request failed'), { hidesSchema: config.production }), current);
  const documentRules = documentRulesOf(schema, config);
  const rules: OperationRules = { ...config, ...documentRules, trusted: config.trustedDocuments === null ? null : readTrustedDocuments(config.trustedDocuments, documentRules) };
  const apollo = new ApolloServer<Context>({
    schema,
    introspection: config.introspection,
    documentStore: null, // operationLimits() keeps what it has read.
    hideSchemaDetailsFromClientErrors: config.production,
    includeStacktraceInErrorResponses: false,
    formatError: format,
    // Those that clients bring along are not trusted ones.
    persistedQueries: rules.trusted ? false : { cache: new InMemoryLRUCache({ maxSize: PERSISTED_QUERIES }) },
    plugins: [answeringTimeouts(current), operationRecorder(current), operationTracer(), operationLimits(rules, format), jsonStatus(), ...cachePolicy(), landingPage(config)],
    stopOnTerminationSignals: false,
    logger,
  });
  await apollo.start();
  await addExploring(app, config);
  const viewers = viewersOf(app, { config, database, logger, current });
  const { verify } = viewers;
  await app.register(fastifyApollo(apollo), {
    path: '/graphql',
    method: ['GET', 'POST'],
    context: async (request: FastifyRequest) => contextFor(database, await viewerOf(request, verify), background.runs),
  });
  const { counts, connections: listening, letGo } = serveLiveCounts(app, {
    config, database, rules, verify, format, current, rawAnswers, logger, pace,
    clientAddressOf: clientAddresses(trustProxy),
    contextOf: listener => contextFor(database, listener.viewer, background.runs, { counts, listener, seconds: config.requestTimeout }),
  });
  viewers.watch(listening);
  metrics?.watch(counts, listening);
  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const reason = await reasonNotReady(database);
    return reply.code(reason === null ? 200 : 503).send(reason === null ? { status: 'ready' } : { status: 'not ready', reason });
  });
  app.addHook('onSend', async (_request, reply) => {
    // Else the client keeps its connection open after the last answer, and the drain waits for it.
    if (closing) reply.header('connection', 'close');
  });
  let ownMetricsUrl: string | null | undefined;
  try {
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

/** Gives who asks: nobody without a token; a token that fails its checks is an error, never nobody. */
async function viewerOf(request: FastifyRequest, verify: (token: string) => Promise<Viewer>): Promise<Viewer | null> {
  try {
    const token = tokenIn(request.headers.authorization);
    return token === null ? null : await unlessStopped(verify(token));
  } catch (error) {
    if (error instanceof TokenError) throw tokenRefusal(error);
    if (isConnectionLost(error)) throw userCheckFailed();
    if (error instanceof WorkStopped) throw timedOut(error);
    throw error;
  }
}
