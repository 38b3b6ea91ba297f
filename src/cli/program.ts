import { Command, CommanderError } from 'commander';
import { VERSION } from '../config/own-package.js';
import { configurationHelp } from './configuration-help.js';
import { ExitCode } from './exit-code.js';
import { failureText } from './failure.js';
import { tell } from './output.js';

/** Runs the command line and gives the exit code; each failure is one line on standard error. */
export async function run(argv: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = ExitCode.clean;
  process.stdout.on('error', endWithReader);
  try {
    const program = await programOf(argv[2], outcome => (code = outcome));
    await program.parseAsync(argv);
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.clean : ExitCode.usage;
    tell(`${failureText(error)}\n`);
    return ExitCode.failure;
  }
}

/** Ends the process without a word where whoever read its output has gone, as with "| head". */
function endWithReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(ExitCode.failure);
}

/** Lists the commands in the order in which help shows them; each gives what adds it. */
const commands: Readonly<Record<string, () => Promise<(program: Command, end: (code: ExitCode) => void) => void>>> = {
  serve: async () => (await import('./commands/serve.js')).addServe,
  migrate: async () => (await import('./commands/migrate.js')).addMigrate,
  verify: async () => (await import('./commands/verify.js')).addVerify,
  recount: async () => (await import('./commands/recount.js')).addRecount,
  runs: async () => (await import('./commands/runs.js')).addRuns,
  doctor: async () => (await import('./commands/doctor.js')).addDoctor,
  backup: async () => (await import('./commands/backup.js')).addBackup,
  restore: async () => (await import('./commands/restore.js')).addRestore,
  counters: async () => (await import('./commands/counters.js')).addCounters,
  seed: async () => (await import('./commands/seed.js')).addSeed,
  token: async () => (await import('./commands/token.js')).addToken,
  import: async () => (await import('./commands/import.js')).addImport,
};

/**
 * Gives the program with the command that is asked for, which is all that it takes then; with every command where none
 * of them is.
 */
async function programOf(asked: string | undefined, end: (code: ExitCode) => void): Promise<Command> {
  const program = new Command('rollcall')
    .description('Serves courses and enrollments over GraphQL, with stored counts that are exact at every commit.')
    .version(VERSION, '--version', 'print the version')
    .exitOverride()
    .configureOutput({ outputError: text => tell(usageLine(text)) })
    .addHelpText('after', configurationHelp);
  const names = asked !== undefined && Object.hasOwn(commands, asked) ? [asked] : Object.keys(commands);
  for (const name of names) (await commands[name]!())(program, end);
  return program;
}

function usageLine(text: string): string {
  const line = text
    .trim()
    .replace(/\s*\n\s*/g, ' ')
    .replace(/^error: /, '');
  return `${line.charAt(0).toUpperCase()}${line.slice(1)}${/[.?!)]$/.test(line) ? '' : '.'} Add --help to see how.\n`;
}
