import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { loadConfig, type Config } from '../config.js';
import { databaseKind } from '../database/database-url.js';
import { databaseKindOf, NoDatabaseFile, type Database } from '../database/database.js';
import { migrateUp } from '../database/migrate-up.js';
import { findSchema } from '../database/own-schema.js';
import { migrationsFor } from '../migrations/index.js';
import { tellingOfAlteredTables } from './altered-tables.js';
import { ExitCode } from './exit-code.js';
import { CommandError } from './failure.js';
import { counted } from './format.js';
import { print, tell } from './output.js';
import { withDatabase, withExistingDatabase } from './with-database.js';

/** Adds `migrate up`, `migrate down` and `migrate status`. */
export function addMigrate(program: Command, end: (code: ExitCode) => void): void {
  const migrate = program.command('migrate').description('Changes the database\'s schema, or says how it stands.');
  migrate
    .command('up')
    .description('Applies all migrations that are pending, to an empty database or one that Rollcall has made.')
    .addHelpText('after', '\nExample:\n  $ rollcall migrate up')
    .action(async () => end(await up()));
  migrate
    .command('down')
    .description('Undoes the last migration that was applied: drops what it made, with all rows. Says how many these are and asks first.')
    .option('--yes', 'do not ask: drop the rows')
    .addHelpText('after', '\nExample:\n  $ rollcall migrate status && rollcall migrate down\n\nExit codes: 0 done, 1 failed or not wanted, 2 there are rows, and neither --yes nor a terminal to ask on.')
    .action(async ({ yes = false }: { yes?: boolean }) => end(await down(yes)));
  migrate
    .command('status')
    .description('Lists each migration as applied or pending, and changes nothing.')
    .addHelpText('after', '\nExample:\n  $ rollcall migrate status')
    .action(async () => end(await status()));
  migrate.addHelpText('after', '\nExamples:\n  $ rollcall migrate status\n  $ rollcall migrate up');
}

async function up(): Promise<ExitCode> {
  const names = await withDatabase(loadConfig(), database => tellingOfAlteredTables(database, () => migrateUp(database)));
  for (const name of names) print(`Applied ${name}.\n`);
  if (names.length === 0) print('Nothing is pending.\n');
  return ExitCode.clean;
}

function down(isConfirmed: boolean): Promise<ExitCode> {
  return withExistingDatabase(loadConfig(), async database => {
    const { applied, tables } = await findSchema(database);
    const last = migrationsFor(databaseKindOf(database)).find(({ name }) => name === applied?.at(-1));
    if (!last) {
      if (applied?.length) throw new CommandError(`The last migration, ${applied.at(-1)}, is of another version of Rollcall. Undo it with that version.`);
      print('Nothing is applied, so there is nothing to undo.\n');
      return ExitCode.clean;
    }
    const rows = await rowsIn(database, last.tables.filter(table => tables.includes(table)));
    if (rows.length > 0 && !isConfirmed) {
      tell(`Undoing ${last.name} deletes ${rows.map(({ table, count }) => `${counted(count, 'row')} of ${table}`).join(', ')}, for good.\n`);
      if (!process.stdin.isTTY || !process.stderr.isTTY) {
        tell('Nothing was done. Back the database up, then add --yes.\n');
        return ExitCode.usage;
      }
      if (!(await isWanted())) {
        tell('Nothing was done.\n');
        return ExitCode.failure;
      }
    }
    for (const { name } of await tellingOfAlteredTables(database, () => database.migrator.down())) print(`Undid ${name}.\n`);
    return ExitCode.clean;
  });
}

/** Returns the tables that have rows, with how many. */
async function rowsIn(database: Database, tables: readonly string[]): Promise<{ table: string; count: number }[]> {
  const counts: { table: string; count: number }[] = [];
  for (const table of tables) {
    const [row] = await database.em.getConnection().execute<{ count: number }[]>(`select count(*) as count from ${table}`);
    counts.push({ table, count: Number(row!.count) });
  }
  return counts.filter(({ count }) => count > 0);
}

/** Asks on the terminal; only the whole word is a yes. */
async function isWanted(): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question('Type "yes" to delete them: ')).trim() === 'yes';
  } finally {
    terminal.close();
  }
}

async function status(): Promise<ExitCode> {
  const config = loadConfig();
  const { applied, pending } = await schemaOf(config);
  for (const name of applied ?? []) print(`applied  ${name}\n`);
  for (const { name } of pending) print(`pending  ${name}\n`);
  return ExitCode.clean;
}

/** Returns the schema of the configured database, of one that is not there yet too. */
async function schemaOf(config: Config): Promise<Pick<Awaited<ReturnType<typeof findSchema>>, 'applied' | 'pending'>> {
  try {
    return await withExistingDatabase(config, findSchema);
  } catch (error) {
    if (!isMissing(error)) throw error;
    return { applied: null, pending: migrationsFor(databaseKind(config.databaseUrl)) };
  }
}

function isMissing(error: unknown): boolean {
  const { cause, code } = error as { cause?: unknown; code?: string };
  return error instanceof NoDatabaseFile || code === 'ER_BAD_DB_ERROR' || (cause !== undefined && cause !== null && isMissing(cause));
}
