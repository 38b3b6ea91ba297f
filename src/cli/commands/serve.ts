import type { Command } from 'commander';
import type { Logger } from 'pino';
import { loadConfig, type Config } from '../../config/config.js';
import type { Database } from '../../database/database.js';
import { serverLogger } from '../../http/observability/logger.js';
import { exampleAccounts } from '../../tools/sample-data/example-accounts.js';
import { isEmptyDatabase } from '../../tools/sample-data/seed-database.js';
import { ExitCode } from '../output/exit-code.js';
import { print, tell } from '../output/terminal.js';
import { fillWithSampleData } from '../database/sample-data.js';
import { welcomeText } from '../reports/welcome.js';
import { trustedDocumentsOf } from '../input/trusted-documents.js';
import { withMigratedDatabase } from '../database/with-database.js';

/** The longest time that the connections to the database may take to close, in milliseconds. */
const MAX_DATABASE_CLOSE_MS = 1000;

/** Adds `serve`. */
export function addServe(program: Command, end: (code: ExitCode) => void): void {
  program
    .command('serve')
    .description(
      'Serves GraphQL. Applies pending migrations first and, outside production, fills a database that was empty with sample data.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  $ rollcall serve\n  $ PORT=8080 DATABASE_URL=mysql://app:secret@localhost/school rollcall serve',
    )
    .action(async () => {
      const config = loadConfig();
      const logger = serverLogger(config.logLevel);
      warnOfDevelopmentSecret(config, logger);
      // Before the database is touched.
      await trustedDocumentsOf(config);
      await withMigratedDatabase(config, database => serve(config, database, logger), {
        wait: config.databaseWait,
        fill: config.sampleData ? fillWithSampleData : undefined,
      });
      end(ExitCode.clean);
    });
}

async function serve(config: Config, database: Database, logger: Logger): Promise<void> {
  if (config.sampleData && (await isEmptyDatabase(database)))
    tell('The database is not new, but has no users and no courses. "rollcall seed" fills it with sample data.\n');
  // Loaded here: it takes a third of the time that every other command needs to start.
  const { startServer } = await import('../../http/server.js');
  // Before listening: from then on a signal must not break off what is in progress.
  const stopped = stopSignal();
  const server = await startServer({ config, database, logger });
  if (!config.production) print(await welcomeText(server.url, config.jwt, await exampleAccounts(database)));
  logger.info({ signal: await stopped }, 'stopping');
  // Closing the database would wait for what these requests wait for. The database itself rolls back what they have not
  // committed.
  if ((await server.close()) > 0) process.exit(ExitCode.failure);
  // Nothing uses the database any more, so one that no longer answers must not delay the end.
  setTimeout(() => process.exit(ExitCode.clean), MAX_DATABASE_CLOSE_MS).unref();
}

/** Resolves with the first signal to stop. A second one ends the process at once, with exit code 1. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise(resolve => {
    let asked = false;
    const stop = (signal: NodeJS.Signals): void => {
      if (asked) process.exit(ExitCode.failure);
      asked = true;
      resolve(signal);
    };
    process.on('SIGINT', stop).on('SIGTERM', stop);
  });
}

function warnOfDevelopmentSecret({ jwt, host }: Config, logger: Logger): void {
  if (!jwt.isDevelopmentSecret || ['localhost', '127.0.0.1', '::1'].includes(host)) return;
  logger.warn(
    { host },
    'tokens are verified with the public development secret, and other machines may reach this one: set JWT_SECRET',
  );
}
