import { Command, CommanderError } from 'commander';
import { addBackup } from './backup.js';
import { addCounters } from './counters.js';
import { addDoctor } from './doctor.js';
import { ExitCode } from './exit-code.js';
import { failureText } from './failure.js';
import { addImport } from './import.js';
import { addMigrate } from './migrate.js';
import { addRecount } from './recount.js';
import { addRuns } from './runs.js';
import { addRestore } from './restore.js';
import { addSeed } from './seed.js';
import { addServe } from './serve.js';
import { addToken } from './token.js';
import { addVerify } from './verify.js';

/** Runs the command line and gives the exit code; each failure is one line on standard error. */
export async function run(argv: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = ExitCode.clean;
  process.stdout.on('error', endWithReader);
  const program = programOf(outcome => (code = outcome));
  try {
    await program.parseAsync(argv);
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.clean : ExitCode.usage;
    process.stderr.write(`${failureText(error)}\n`);
    return ExitCode.failure;
  }
}

/** Ends the process without a word where whoever read its output has gone, as with "| head". */
function endWithReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(ExitCode.failure);
}

function programOf(end: (code: ExitCode) => void): Command {
  const program = new Command('rollcall')
    .description('Serves courses and enrollments over GraphQL, with stored counts that are exact at every commit.')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(usageLine(text)) })
    .addHelpText('after', configurationHelp);
  addServe(program, end);
  addMigrate(program, end);
  addVerify(program, end);
  addRecount(program, end);
  addRuns(program, end);
  addDoctor(program, end);
  addBackup(program, end);
  addRestore(program, end);
  addCounters(program, end);
  addSeed(program, end);
  addToken(program, end);
  addImport(program, end);
  return program;
}

function usageLine(text: string): string {
  const line = text.trim().replace(/\s*\n\s*/g, ' ').replace(/^error: /, '');
  return `${line.charAt(0).toUpperCase()}${line.slice(1)}${/[.?!)]$/.test(line) ? '' : '.'} Add --help to see how.\n`;
}

const configurationHelp = `
Configuration comes from the environment and from .env in the working directory:
  DATABASE_URL            sqlite:PATH, mysql://… or mariadb://… (sqlite:data/rollcall.sqlite)
  HOST, PORT              where to listen (localhost, 4000; port 0 takes any free one)
  NODE_ENV                development, test or production (development)
  JWT_SECRET or JWKS_URL  with what tokens are verified (a secret for development only)
  JWT_ISSUER, JWT_AUDIENCE  what tokens must name, if set
  DATABASE_WAIT           seconds that serve waits for the database at its start (60)
  COUNTERS                hooks, triggers, or switching from triggers to hooks (hooks)
  SHUTDOWN_TIMEOUT        seconds that requests in flight get to finish when serve is stopped (10)
  VERIFY_SCHEDULE         when serve verifies the counts, as cron says it, in UTC (never)
  VERIFY_ACTION           what it does then: verify, or recount (verify)
  METRICS                 on (at /metrics), off, or a port or HOST:PORT of their own
                          (on; off in production)
  LOG_LEVEL               fatal, error, warn, info, debug, trace or silent (info)
  SAMPLE_DATA             whether serve fills an empty database (true outside production)

Exit codes: 0 clean, 1 failure, 2 usage, 3 drift.`;
