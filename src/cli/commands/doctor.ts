import { InvalidArgumentError, type Command } from 'commander';
import { inspectConfig, type ConfigInspection } from '../../config/config.js';
import { openByMap } from '../database/open-by-map.js';
import { openExistingDatabase, type Database } from '../../database/database.js';
import { TrustedDocumentsError } from '../../graphql/documents/trusted-documents-error.js';
import type { ApiToExamine } from '../../tools/doctor/api.js';
import { examine, type DatabaseTarget } from '../../tools/doctor/examine.js';
import type { NamedFinding } from '../../tools/doctor/finding.js';
import { NoAnswer } from '../../tools/doctor/within-limit.js';
import { strategyOf } from '../database/ensure-strategy.js';
import { ExitCode } from '../output/exit-code.js';
import { CommandError } from '../failures/command-error.js';
import { explain } from '../failures/explain.js';
import { operator } from '../../access/viewer.js';
import { print, printWhole, tell } from '../output/terminal.js';
import { findingDocument, findingLines, findingTotals } from '../reports/findings.js';
import { canAsk } from '../input/confirmation.js';
import { answerTo } from '../input/question.js';
import { trustedDocumentsOf } from '../input/trusted-documents.js';

interface DoctorOptions {
  readonly url?: string;
  /** True: it is to be asked for. */
  readonly token?: string | true;
  readonly json?: boolean;
}

/** Adds `doctor`. */
export function addDoctor(program: Command, end: (code: ExitCode) => void): void {
  program
    .command('doctor')
    .description(
      'Examines a deployment (configuration, database, migrations, privileges, counts, a live probe) and says for each check what is wrong and what to do. Changes nothing.',
    )
    .option('--url <url>', 'examine the server at this address too', httpUrl)
    .option(
      '--token [token]',
      'send a token to that server, so that it shows more than published courses: DOCTOR_TOKEN, or what is typed',
    )
    .option('--json', 'print one JSON document')
    .addHelpText('after', help)
    .action(async ({ url, token, json = false }: DoctorOptions, command: Command) => {
      if (token !== undefined && url === undefined)
        command.error('--token needs a server. Add its address with --url.');
      const configuration = inspectConfig();
      end(
        await doctor(
          configuration,
          url === undefined ? undefined : { url, token: await tokenFor(url, token, configuration) },
          json,
        ),
      );
    });
}

/**
 * Returns the token for a server; undefined: none. All users of the machine see a command line, so that it should be set
 * or typed. Errors: CommandError.
 */
async function tokenFor(
  url: string,
  given: string | true | undefined,
  { doctorToken }: ConfigInspection,
): Promise<string | undefined> {
  if (typeof given === 'string') {
    tell(
      'All users of this machine can see the token of --token in the list of processes. Set DOCTOR_TOKEN, or give --token alone and type it.\n',
    );
    return given;
  }
  if (doctorToken !== null || given === undefined) return doctorToken ?? undefined;
  if (!canAsk()) throw new CommandError('There is no terminal on which to ask for the token. Set DOCTOR_TOKEN.');
  const typed = await answerTo(`Token for ${url}: `, { isSecret: true });
  if (!typed) throw new CommandError('No token was typed, so nothing was done.');
  return typed;
}

async function doctor(
  configuration: ConfigInspection,
  api: ApiToExamine | undefined,
  json: boolean,
): Promise<ExitCode> {
  let database: Database | undefined;
  const open = async (target: DatabaseTarget): Promise<Database> =>
    (database = await openByMap(map => openExistingDatabase(target.databaseUrl, strategyOf(target), map)));
  let givenUp = false;
  const findings: NamedFinding[] = [];
  for await (const finding of examine({
    configuration,
    caller: operator,
    open,
    explain: error => {
      givenUp ||= error instanceof NoAnswer;
      return explanationOf(error, configuration.database?.databaseUrl ?? '');
    },
    api,
    readDocuments: trustedDocumentsOf,
  })) {
    findings.push(finding);
    if (!json) print(findingLines(finding));
  }
  const code = codeOf(findings);
  await printWhole(json ? `${JSON.stringify(findingDocument(findings), null, 2)}\n` : `\n${findingTotals(findings)}\n`);
  // A check that was given up may still be waiting for an answer, and a connection that waits does not close.
  if (givenUp) process.exit(code);
  await database?.close(true);
  return code;
}

/** Returns an error in words for people, on one line. */
export function explanationOf(error: unknown, url: string): string {
  const known = explain(error, url);
  if (known instanceof CommandError) return known.message;
  if (known instanceof TrustedDocumentsError) return `TRUSTED_DOCUMENTS: ${known.mistakes.join(' ')}`;
  return error instanceof Error ? error.message.split('\n')[0]! : String(error);
}

/** Returns the exit code: drift only if nothing else failed, since everything else is more urgent. */
function codeOf(findings: readonly NamedFinding[]): ExitCode {
  const failures = findings.filter(({ status }) => status === 'failed');
  if (failures.length === 0) return ExitCode.clean;
  return failures.every(({ drift }) => drift) ? ExitCode.drift : ExitCode.failure;
}

/** Reads the address of a server, which has no password or other secret in it. Errors: InvalidArgumentError. */
function httpUrl(text: string): string {
  const url = URL.parse(text);
  if (url && ['http:', 'https:'].includes(url.protocol) && url.username + url.password + url.search === '') return text;
  throw new InvalidArgumentError('Use a URL such as http://localhost:4000, without a user, a password or a "?".');
}

const help = `
Examples:
  $ rollcall doctor
  $ DOCTOR_TOKEN="$(rollcall token --role admin --expires 5m)" rollcall doctor --url https://school.example/graphql
  $ rollcall doctor --json | jq '.checks[] | select(.status != "ok")'

What it examines:
  configuration  all variables; each mistake is named, and the checks that do not need it continue
  node           the version of Node that runs this command
  secrets        what tokens are verified with, and how long the token for --url is valid
  rates          which addresses the rate limits count; with RATE_LIMIT_REDIS_URL, that Redis answers
  connection     that the database answers, is of the kind that DATABASE_URL names, and is new enough
  settings       isolation, durability, strictness, encoding, read-only; on SQLite: WAL, foreign keys
  disk           on SQLite: that the file and its folder are writable, and the free space on the disk
  clock          that the clocks of the database and of this machine agree
  migrations     that none is pending, and that the tables are as the migrations made them
  keys           how many of the numbers for new rows are used up
  privileges     that the database's user can read and write the tables, and with COUNTERS=triggers change triggers
  strategy       that COUNTERS and the triggers of the database agree
  counts         that all stored counts match the enrollments
  index          that a filter on total_enrollments uses its index, according to the database's query plan
  values         in an adopted database: the values that its map does not name
  rows           in an adopted database: rows that are not as Rollcall's are, such as those of a student who is twice in a course
  probe          that enrolling and unenrolling, in a transaction that is rolled back, change the counts
  api            with --url: /healthz, /readyz, and that the counts of up to 20 courses are exact

Exit codes: 0 nothing failed (there may be warnings), 3 only the counts failed, 1 something else failed, 2 usage.`;
