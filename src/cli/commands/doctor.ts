import { InvalidArgumentError, type Command } from 'commander';
import { inspectConfig } from '../../config/config.js';
import { openExistingDatabase, type Database } from '../../database/database.js';
import { TrustedDocumentsError } from '../../graphql/documents/trusted-documents-error.js';
import type { ApiToExamine } from '../../tools/doctor/api.js';
import { examine, type DatabaseTarget } from '../../tools/doctor/examine.js';
import type { FindingStatus, NamedFinding } from '../../tools/doctor/finding.js';
import { NoAnswer } from '../../tools/doctor/within-limit.js';
import { strategyOf } from '../counter-strategy.js';
import { ExitCode } from '../exit-code.js';
import { CommandError, explained } from '../failure.js';
import { operator } from '../../access/viewer.js';
import { print, printWhole } from '../output.js';
import { printable } from '../table.js';
import { trustedDocumentsOf } from '../trusted-documents.js';

interface DoctorOptions {
  readonly url?: string;
  readonly token?: string;
  readonly json?: boolean;
}

/** Adds `doctor`. */
export function addDoctor(program: Command, end: (code: ExitCode) => void): void {
  program
    .command('doctor')
    .description(
      'Examines a deployment and says of each thing how it stands and what to do: configuration, database, migrations, privileges, counts, a live probe. Changes nothing.',
    )
    .option('--url <url>', 'examine the server at this address too', httpUrl)
    .option('--token <token>', 'ask that server with this token, so that it shows more than published courses')
    .option('--json', 'print one JSON document')
    .addHelpText('after', help)
    .action(async ({ url, token, json = false }: DoctorOptions, command: Command) => {
      if (token !== undefined && url === undefined)
        command.error('--token needs a server. Give its address with --url.');
      end(await doctor(url === undefined ? undefined : { url, token }, json));
    });
}

async function doctor(api: ApiToExamine | undefined, json: boolean): Promise<ExitCode> {
  const configuration = inspectConfig();
  let database: Database | undefined;
  const open = async (target: DatabaseTarget): Promise<Database> =>
    (database = await openExistingDatabase(target.databaseUrl, strategyOf(target)));
  let givenUp = false;
  const explain = (error: unknown): string => {
    givenUp ||= error instanceof NoAnswer;
    return explanationOf(error, configuration.database?.databaseUrl ?? '');
  };
  const findings: NamedFinding[] = [];
  for await (const finding of examine({
    configuration,
    caller: operator,
    open,
    explain,
    api,
    readDocuments: trustedDocumentsOf,
  })) {
    findings.push(finding);
    if (!json) print(findingLines(finding));
  }
  const code = codeOf(findings);
  await printWhole(json ? documentOf(findings) : `\n${sumOf(findings)}\n`);
  // A check that was given up may still wait for an answer, and a connection that waits does not close.
  if (givenUp) process.exit(code);
  await database?.close(true);
  return code;
}

/** Returns an error in words for people, in one line. */
export function explanationOf(error: unknown, url: string): string {
  const known = explained(error, url);
  if (known instanceof CommandError) return known.message;
  if (known instanceof TrustedDocumentsError) return `TRUSTED_DOCUMENTS: ${known.mistakes.join(' ')}`;
  return error instanceof Error ? error.message.split('\n')[0]! : String(error);
}

/** Gives the line of a finding, and below it what to do. */
function findingLines({ check, status, message, advice }: NamedFinding): string {
  const line = `${status.padEnd(8)} ${check.padEnd(13)} ${printable(message)}\n`;
  return advice === undefined ? line : `${line}${' '.repeat(23)}→ ${printable(advice)}\n`;
}

function documentOf(findings: readonly NamedFinding[]): string {
  const checks = findings.map(({ check, status, message, advice = null }) => ({ check, status, message, advice }));
  return `${JSON.stringify({ ok: count(findings, 'ok'), warnings: count(findings, 'warning'), failed: count(findings, 'failed'), checks }, null, 2)}\n`;
}

function sumOf(findings: readonly NamedFinding[]): string {
  const warnings = count(findings, 'warning');
  return `${count(findings, 'ok')} ok, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}, ${count(findings, 'failed')} failed.`;
}

function count(findings: readonly NamedFinding[], status: FindingStatus): number {
  return findings.filter(finding => finding.status === status).length;
}

/** Gives the exit code: drift only where nothing else failed, for all else comes first. */
function codeOf(findings: readonly NamedFinding[]): ExitCode {
  const amiss = findings.filter(({ status }) => status === 'failed');
  if (amiss.length === 0) return ExitCode.clean;
  return amiss.every(({ drift }) => drift) ? ExitCode.drift : ExitCode.failure;
}

/** Reads the address of a server. Errors: InvalidArgumentError. */
function httpUrl(text: string): string {
  if (['http:', 'https:'].includes(URL.parse(text)?.protocol ?? '')) return text;
  throw new InvalidArgumentError('Give one such as http://localhost:4000.');
}

const help = `
Examples:
  $ rollcall doctor
  $ rollcall doctor --url https://school.example/graphql --token "$(rollcall token --role admin --expires 5m)"
  $ rollcall doctor --json | jq '.checks[] | select(.status != "ok")'

What it examines:
  configuration  all variables; each mistake is named, and the checks go on as far as they can without it
  node           the version that runs this
  secrets        with what tokens are verified, and how long the given token is good
  rates          whose addresses the limits of rates count; with RATE_LIMIT_REDIS_URL that Redis answers
  connection     that the database answers, is the kind that DATABASE_URL says, and new enough
  settings       isolation, durability, strictness, read-only; of SQLite: WAL, foreign keys
  disk           of SQLite: that file and folder can be written, and the room on the disk
  clock          that the database's clock and this machine's agree
  migrations     that none is pending, and that the tables are as they made them; what differs, in words
  privileges     that the database's user may read and write the tables, and with COUNTERS=triggers change those
  strategy       that COUNTERS and the triggers of the database agree
  counts         all stored counts against the enrollments
  index          that a filter on total_enrollments uses its index, by the database's own plan
  probe          enrolling and unenrolling in a transaction that is rolled back, watching the counts
  api            with --url: /healthz, /readyz, and that the counts of up to 20 courses are true

Exit codes: 0 nothing failed (there may be warnings), 3 nothing but the counts failed, 1 something else failed, 2 usage.`;
