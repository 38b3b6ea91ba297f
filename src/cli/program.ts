import { Command, CommanderError } from 'commander';
import { VERSION } from '../config/own-package.js';
import { SECRET_FOLLOWS } from '../database/texts/shown-path.js';
import { shownValue } from '../database/texts/shown-text.js';
import { configurationHelp } from './configuration-help.js';
import { ExitCode } from './output/exit-code.js';
import { failureText } from './failures/failure-text.js';
import { tell } from './output/terminal.js';

/** Runs the command line and returns the exit code; each failure is one line on standard error. */
export async function run(argv: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = ExitCode.clean;
  process.stdout.on('error', endWithReader);
  try {
    const program = await programWith(argv[2], outcome => (code = outcome));
    await program.parseAsync(argv);
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.clean : ExitCode.usage;
    tell(`${failureText(error)}\n`);
    return ExitCode.failure;
  }
}

/** Ends the process silently if the reader of its output has gone, as with "| head". */
function endWithReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(ExitCode.failure);
}

/** The commands in the order in which help shows them, each with what loads the function that adds it. */
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
  shell: async () => (await import('./commands/shell.js')).addShell,
  seed: async () => (await import('./commands/seed.js')).addSeed,
  token: async () => (await import('./commands/token.js')).addToken,
  sql: async () => (await import('./commands/sql.js')).addSql,
  adopt: async () => (await import('./commands/adopt.js')).addAdopt,
  import: async () => (await import('./commands/import.js')).addImport,
  export: async () => (await import('./commands/export.js')).addExport,
};

/** Returns the program with the requested command alone, which is quicker; with all commands if it is none of them. */
export async function programWith(requested: string | undefined, end: (code: ExitCode) => void): Promise<Command> {
  const program = new Command('rollcall')
    .description('Serves courses and enrollments over GraphQL, with stored counts that are exact at every commit.')
    .version(VERSION, '--version', 'print the version')
    .exitOverride()
    .configureOutput({ outputError: text => tell(usageLine(text)) })
    .addHelpText('after', configurationHelp);
  const names = requested !== undefined && Object.hasOwn(commands, requested) ? [requested] : Object.keys(commands);
  for (const name of names) (await commands[name]!())(program, end);
  return program;
}

/** Returns a mistake in the command line as one line, without the password of a URL that it quotes. */
function usageLine(text: string): string {
  const line = text
    .trim()
    .replace(/\s*\n\s*/g, ' ')
    .replace(/^error: /, '')
    // What is quoted may have apostrophes itself.
    .replace(
      /(?<= argument )'(.*)'(?= is invalid)|'([^']*:\/\/.*)'/,
      (_, value?: string, url?: string) => `'${shownArgument(value ?? url ?? '')}'`,
    );
  return `${line.charAt(0).toUpperCase()}${line.slice(1)}${/[.?!)]$/.test(line) ? '' : '.'} Add --help to see how.\n`;
}

function shownArgument(text: string): string {
  return text.includes('://') || SECRET_FOLLOWS.test(text) ? shownValue(text) : text;
}
