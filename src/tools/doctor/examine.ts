import type { Config, ConfigInspection } from '../../config/config.js';
import type { Database } from '../../database/database.js';
import { withoutPassword } from '../../database/texts/database-url.js';
import { findSchema } from '../../database/schema/own-schema.js';
import { shownPath } from '../../database/texts/shown-path.js';
import { adminOnly } from '../../access/access.js';
import type { Viewer } from '../../access/viewer.js';
import { examineApi, type ApiToExamine } from './api.js';
import { examineConnection, examineNode } from './connection.js';
import { storedTable } from '../../database/mapped/stored-names.js';
import { tableNames, type TableName } from '../../database/tables.js';
import { databaseChecks, neededTables, type OpenedDatabase } from './database-checks.js';
import { failed, ok, warning, type Finding, type NamedFinding } from './finding.js';
import { examineLimits } from './limits.js';
import { examineRates } from './rates.js';
import { examineSecrets } from './secrets.js';
import { withinCheckLimit } from './within-limit.js';

/** What to examine, and the caller. */
export interface Examination {
  readonly configuration: Omit<ConfigInspection, 'doctorToken'>;
  readonly caller: Viewer | null;
  /** Connects to a database that is there already; closing it is the caller's. */
  readonly open: (target: DatabaseTarget) => Promise<Database>;
  /** Returns an error in words for people. */
  readonly explain: (error: unknown) => string;
  readonly api?: ApiToExamine;
  /** Reads the trusted documents of a configuration that has them. Errors: what is wrong with them. */
  readonly readDocuments: (config: Config) => Promise<{ readonly size: number } | null>;
  /** The longest time that a check may take without a sign of life, in milliseconds; 30,000 by default. */
  readonly limit?: number;
}

/** The part of the configuration that is needed to connect. */
export type DatabaseTarget = Pick<Config, 'databaseUrl' | 'counters'>;

const MAX_SILENCE_MS = 30_000;

/**
 * Examines a deployment, check by check, and gives what each finds as soon as it does; changes nothing; admins.
 *
 * Each check is by itself: where one fails, by an error or for lack of an answer, the others go on as far as they can.
 */
export async function* examine({
  configuration,
  caller,
  open,
  explain,
  api,
  readDocuments,
  limit = MAX_SILENCE_MS,
}: Examination): AsyncGenerator<NamedFinding> {
  const viewer = adminOnly(caller);
  const run = async (
    check: string,
    work: (alive: () => void) => Promise<readonly Finding[]>,
  ): Promise<NamedFinding[]> =>
    named(check, await withinCheckLimit(work, limit).catch((error: unknown) => [failed(explain(error))]));
  const { config, database: target } = configuration;
  // Shorter than a check may take, so that a request without an answer is told as that, and the next one is made.
  const requestLimit = limit / 2;
  yield* named('configuration', configurationFindings(configuration));
  yield* named('node', examineNode(process.versions.node));
  yield* config
    ? await run('secrets', () => examineSecrets(config, api?.token, requestLimit))
    : named('secrets', [notExamined('the configuration has mistakes')]);
  if (config?.trustedDocuments != null)
    yield* await run('documents', async () => documentFindings(config, await readDocuments(config)));
  yield* named('limits', config ? examineLimits(config) : [notExamined('the configuration has mistakes')]);
  yield* config
    ? await run('rates', () => examineRates(config, requestLimit, api?.url))
    : named('rates', [notExamined('the configuration has mistakes')]);
  let reached: OpenedDatabase | undefined;
  if (target) {
    yield* await run('connection', async () => {
      const database = await open(target);
      const findings = await examineConnection(database, target.databaseUrl);
      reached = {
        database,
        counters: target.counters,
        viewer,
        tables: await tablesThere(database),
      };
      return findings;
    });
  }
  // A connection that was given up may still come about while the checks go on; they all see the same.
  const opened = reached;
  yield* databaseFindings(opened, run);
  if (api) yield* await run('api', alive => examineApi(api, requestLimit, alive));
}

/** Returns those of our tables that are there, whatever they are called. */
async function tablesThere(database: Database): Promise<TableName[]> {
  const { tables } = await findSchema(database);
  return tableNames.filter(table => tables.includes(storedTable(database, table)));
}

async function* databaseFindings(
  opened: OpenedDatabase | undefined,
  run: (check: string, work: (alive: () => void) => Promise<readonly Finding[]>) => Promise<NamedFinding[]>,
): AsyncGenerator<NamedFinding> {
  const hasTables = neededTables.every(table => opened?.tables.includes(table));
  for (const { name, needsTables, concerns, examine: look } of databaseChecks) {
    if (concerns && !(opened && concerns(opened.database))) continue;
    if (!opened) yield* named(name, [notExamined('there is no connection to the database')]);
    else if (needsTables && !hasTables) yield* named(name, [notExamined('the migrations have not made the tables')]);
    else yield* await run(name, alive => look(opened, alive));
  }
}

function configurationFindings({ mistakes, config }: Examination['configuration']): Finding[] {
  if (!config) return mistakes.map(mistake => failed(mistake, 'Correct it in the environment or in .env.'));
  const { databaseUrl, counters, production } = config;
  return [
    ok(
      `DATABASE_URL is ${withoutPassword(databaseUrl)}, COUNTERS is ${counters}, NODE_ENV is ${production ? '' : 'not '}production.`,
    ),
  ];
}

function documentFindings(
  { trustedDocuments, introspection }: Config,
  documents: { readonly size: number } | null,
): Finding[] {
  const note = introspection
    ? ' INTROSPECTION=on is of no use: nobody can ask for the schema but by one of these.'
    : '';
  const count = documents?.size ?? 0;
  return [
    ok(`Only ${count} ${count === 1 ? 'document' : 'documents'} may run, from ${shownPath(trustedDocuments!)}.${note}`),
  ];
}

function notExamined(reason: string): Finding {
  return warning(`Not examined, since ${reason}.`);
}

function named(check: string, findings: readonly Finding[]): NamedFinding[] {
  return findings.map(finding => ({ check, ...finding }));
}
