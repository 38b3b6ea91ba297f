import type { Command } from 'commander';
import type { Logger } from 'pino';
import { loadConfig, type Config } from '../../config/config.js';
import type { Database } from '../../database/database.js';
import { serverLogger } from '../../http/observability/logger.js';
import { exampleAccounts } from '../../tools/sample-data/example-accounts.js';
import { isEmptyDatabase } from '../../tools/sample-data/seed-database.js';
import type { RunningServer } from '../../http/server.js';
import { CommandError } from '../failures/command-error.js';
import { failureText } from '../failures/failure-text.js';
import { workers as workersIn } from '../input/option-values.js';
import { ExitCode } from '../output/exit-code.js';
import { print, tell } from '../output/terminal.js';
import { fillWithSampleData } from '../database/sample-data.js';
import { welcomeText } from '../reports/welcome.js';
import { trustedDocumentsOf } from '../input/trusted-documents.js';
import { withDatabase, withMigratedDatabase } from '../database/with-database.js';

/** The longest time that the connections to the database may take to close, in milliseconds. */
const MAX_DATABASE_CLOSE_MS = 1000;

/** The signals that stop the server. */
const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Adds `serve`. */
export function addServe(program: Command, end: (code: ExitCode) => void): void {
  program
    .command('serve')
    .description(
      'Serves GraphQL. Applies pending migrations first and, outside production, fills a database that was empty with sample data.',
    )
    .option('--workers <number>', 'how many processes answer requests, or auto for one per processor', workersIn, 1)
    .addHelpText(
      'after',
      '\nExamples:\n  $ rollcall serve\n  $ PORT=8080 DATABASE_URL=mysql://app:secret@localhost/school rollcall serve --workers auto',
    )
    .action(async ({ workers }: { readonly workers: number }) =>
      end(await (workers === 1 ? serveAlone() : serveWithWorkers(workers))),
    );
}

async function serveAlone(): Promise<ExitCode> {
  const { config, logger } = await checkedSettings();
  await withFilledDatabase(config, async database => {
    // Loaded here: it takes a third of the time that every other command needs to start.
    const { startServer } = await import('../../http/server.js');
    // Before listening: from then on a signal must not break off what is in progress.
    const stopped = stopSignal();
    const server = await startServer({ config, database, logger });
    if (!config.production) print(await welcomeText(server.url, config.jwt, await exampleAccounts(database)));
    logger.info({ signal: await stopped }, 'stopping');
    await finish(server);
  });
  return ExitCode.clean;
}

async function serveWithWorkers(size: number): Promise<ExitCode> {
  const { default: cluster } = await import('node:cluster');
  return cluster.isPrimary ? leadWorkers(size) : serveAsWorker();
}

/** Prepares the database once, and keeps workers that serve until a signal stops them. */
async function leadWorkers(size: number): Promise<ExitCode> {
  const { config, logger } = await checkedSettings();
  const accounts = await withFilledDatabase(config, database => exampleAccounts(database));
  const { Workers, WorkerFailure } = await import('../../http/workers/primary.js');
  const workers = new Workers({ size, config, logger });
  const stopped = stopSignal(() => workers.kill());
  const welcome = async (url: string): Promise<NodeJS.Signals> => {
    if (!config.production) print(await welcomeText(url, config.jwt, accounts));
    return stopped;
  };
  try {
    logger.info({ signal: await Promise.race([stopped, workers.start().then(welcome)]) }, 'stopping');
  } catch (error) {
    throw error instanceof WorkerFailure ? new CommandError(error.message, { cause: error }) : error;
  }
  return (await workers.stop()) ? ExitCode.clean : ExitCode.failure;
}

/** Serves as one of the workers. What goes wrong is told by the primary process, once for all of them. */
async function serveAsWorker(): Promise<never> {
  // The primary process decides when to stop; a terminal sends its signals to all of them.
  for (const signal of STOP_SIGNALS) process.on(signal, () => undefined);
  const { joinWorkers } = await import('../../http/workers/worker.js');
  const { config, crew, stopped, listening, failed } = await joinWorkers();
  try {
    await withDatabase(config, async database => {
      const { startServer } = await import('../../http/server.js');
      const server = await startServer({ config, database, logger: serverLogger(config.logLevel), crew });
      listening(server.url);
      await stopped;
      await finish(server);
    });
  } catch (error) {
    await failed(failureText(error));
    process.exit(ExitCode.failure);
  }
  // The connection to the primary process would keep this one alive.
  process.exit(ExitCode.clean);
}

/** Returns the configuration and the log, after all checks that need no database. */
async function checkedSettings(): Promise<{ config: Config; logger: Logger }> {
  const config = loadConfig();
  const logger = serverLogger(config.logLevel);
  warnOfDevelopmentSecret(config, logger);
  await trustedDocumentsOf(config);
  return { config, logger };
}

/** Works with the database, after migrating it and, if it was empty, filling it. */
function withFilledDatabase<Result>(config: Config, work: (database: Database) => Promise<Result>): Promise<Result> {
  return withMigratedDatabase(
    config,
    async database => {
      if (config.sampleData && (await isEmptyDatabase(database)))
        tell('The database is not new, but has no users and no courses. "rollcall seed" fills it with sample data.\n');
      return work(database);
    },
    { wait: config.databaseWait, fill: config.sampleData ? fillWithSampleData : undefined },
  );
}

/** Closes a server; ends the process with a failure if requests had to be cut off. */
async function finish(server: RunningServer): Promise<void> {
  // Closing the database would wait for what these requests wait for. The database itself rolls back what they have not
  // committed.
  if ((await server.close()) > 0) process.exit(ExitCode.failure);
  // Nothing uses the database any more, so one that no longer answers must not delay the end.
  setTimeout(() => process.exit(ExitCode.clean), MAX_DATABASE_CLOSE_MS).unref();
}

/** Resolves with the first signal to stop. A second one ends the process at once, with exit code 1, after `atOnce`. */
function stopSignal(atOnce: () => void = () => undefined): Promise<NodeJS.Signals> {
  return new Promise(resolve => {
    let asked = false;
    const stop = (signal: NodeJS.Signals): void => {
      if (asked) {
        atOnce();
        process.exit(ExitCode.failure);
      }
      asked = true;
      resolve(signal);
    };
    for (const signal of STOP_SIGNALS) process.on(signal, stop);
  });
}

function warnOfDevelopmentSecret({ jwt, host }: Config, logger: Logger): void {
  if (!jwt.isDevelopmentSecret || ['localhost', '127.0.0.1', '::1'].includes(host)) return;
  logger.warn(
    { host },
    'tokens are verified with the public development secret, and other machines may reach this one: set JWT_SECRET',
  );
}
