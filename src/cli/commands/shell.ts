import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { operator, type Viewer } from '../../access/viewer.js';
import { loadConfig, type Config } from '../../config/config.js';
import { dialectOf, type Database } from '../../database/database.js';
import { mapOf } from '../../database/mapped/mapped-driver.js';
import { requireOwnSchema } from '../../database/schema/own-schema.js';
import { withoutPassword } from '../../database/texts/database-url.js';
import { Role, User } from '../../entities/index.js';
import { quantity } from '../../tools/words.js';
import { requireStrategy } from '../database/ensure-strategy.js';
import { requireAdopted, withExistingDatabase } from '../database/with-database.js';
import { CommandError } from '../failures/command-error.js';
import { keyNamed } from '../input/keys.js';
import { id, wholeNumber } from '../input/option-values.js';
import type { ExitCode } from '../output/exit-code.js';

interface ShellFlags {
  readonly eval?: string;
  readonly commit?: boolean;
  readonly as?: string;
  readonly hold: number;
  readonly history: string | boolean;
}

/** The time for which changes are held between two lines, in seconds, unless an option says otherwise. */
const HOLD_SECONDS = 60;

/** Adds `shell`. */
export function addShell(program: Command, end: (code: ExitCode) => void): void {
  program
    .command('shell')
    .description(
      'Runs JavaScript with the use cases, entities and counts at hand, in a transaction that is rolled back at the end, unless --commit keeps it.',
    )
    .option('-c, --eval <code>', 'run this code, print its value, and end')
    .option('--commit', 'keep the changes: those of each line in a terminal, those of a script if all of it succeeds')
    .option('--as <user>', 'act as the user with this id (as an admin)', id)
    .option('--hold <seconds>', 'roll changes back if no line comes for so long', wholeNumber(1), HOLD_SECONDS)
    .option('--history <file>', 'the file that keeps the lines that are typed', join('~', HISTORY_FILE))
    .option('--no-history', 'keep no lines')
    .addHelpText('after', help)
    .action(async (flags: ShellFlags) => {
      const config = loadConfig();
      end(await withExistingDatabase(config, database => shell(config, database, flags)));
    });
}

/** The name of the file that keeps the lines, in the home folder of the user. */
const HISTORY_FILE = '.rollcall_shell_history';

async function shell(config: Config, database: Database, flags: ShellFlags): Promise<ExitCode> {
  await requireCurrent(database);
  await requireStrategy(database, config.counters);
  const viewer = await viewerOf(database, flags.as);
  const isTerminal = flags.eval === undefined && process.stdin.isTTY && process.stdout.isTTY;
  const { databaseUrl } = config;
  const options = { databaseUrl, viewer, saves: flags.commit ?? false, isTerminal, holdSeconds: flags.hold };
  if (isTerminal) {
    const { runTerminal } = await import('../shell/terminal-shell.js');
    return runTerminal(database, {
      ...options,
      banner: bannerOf(config, database, flags),
      history: historyOf(flags.history),
    });
  }
  const [{ runCode, runInput }, { Shell }] = await Promise.all([
    import('../shell/script.js'),
    import('../shell/shell.js'),
  ]);
  const script = new Shell(database, options);
  return flags.eval === undefined ? runInput(script) : runCode(script, flags.eval);
}

/** Requires the schema of this version, and changes nothing. Errors: CommandError, SchemaError. */
async function requireCurrent(database: Database): Promise<void> {
  if (mapOf(database.driver) !== null) return requireAdopted(database);
  const { pending } = await requireOwnSchema(database);
  if (pending.length === 0) return;
  throw new CommandError(
    `The database lacks ${quantity(pending.length, 'migration')} of this version, such as ${pending[0]!.name}. Apply them with "rollcall migrate up".`,
  );
}

/** Returns who acts: an admin, or a user of the database. Errors: CommandError if there is none. */
async function viewerOf(database: Database, given: string | undefined): Promise<Viewer> {
  if (given === undefined) return operator;
  const userId = keyNamed(database, 'users', '--as', given);
  const user = await database.em.fork().findOne(User, userId, { fields: ['role'] });
  if (!user) throw new CommandError(`User ${given} does not exist. Give the id of another user in --as.`);
  const role = Object.values(Role).find(one => one.valueOf() === String(user.role));
  if (role !== undefined) return { userId, role };
  throw new CommandError(`User ${given} has no role that the map names. Give the id of another user in --as.`);
}

function historyOf(history: string | boolean): string | null {
  if (typeof history !== 'string') return null;
  return history.startsWith('~/') ? join(homedir(), history.slice(2)) : history;
}

function bannerOf({ databaseUrl }: Config, database: Database, { commit, as, hold }: ShellFlags): string {
  const who = as === undefined ? 'an admin' : `user ${as}`;
  const held = dialectOf(database).isFile ? 'all other writers wait' : 'writers of the same courses wait';
  const what = commit
    ? 'Each line is saved when it ends.'
    : `Changes are rolled back at the end, or after ${hold} s without a line. As long as the prompt has a *, ${held}.`;
  return `Rollcall shell on ${withoutPassword(databaseUrl)}, as ${who}. ${what}
A line that fails changes nothing. .help lists what is at hand${commit ? '' : ', .commit keeps the changes'}.
`;
}

const help = `
Examples:
  $ rollcall shell
  $ rollcall shell --eval "await enroll(1, 7)"
  $ echo "await counts(1)" | rollcall shell

Without a terminal, the lines of standard input run one after another, and the first error is the end.

Exit codes: 0 done, 1 an error, after which nothing of a script is kept; 2 usage.`;
