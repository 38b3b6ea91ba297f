import type { Command } from 'commander';
import { loadConfig, type Config } from '../../config/config.js';
import { dialectOfUrl } from '../../database/texts/database-url.js';
import { NoDatabaseFile } from '../../database/database.js';
import { migrateUp } from '../../database/schema/migrate-up.js';
import { findSchema } from '../../database/schema/own-schema.js';
import { findUndoing, undoLast, type Undoing } from '../../database/schema/undo.js';
import { tellingOfAlteredTables } from '../altered-tables.js';
import { canAsk, isConfirmed } from '../confirmation.js';
import { ExitCode } from '../exit-code.js';
import { CommandError } from '../failure.js';
import { quantity } from '../format.js';
import { print, tell } from '../output.js';
import { withDatabase, withExistingDatabase } from '../with-database.js';

/** Adds `migrate up`, `migrate down` and `migrate status`. */
export function addMigrate(program: Command, end: (code: ExitCode) => void): void {
  const migrate = program.command('migrate').description("Changes the database's schema, or says how it stands.");
  migrate
    .command('up')
    .description('Applies all migrations that are pending, to an empty database or one that Rollcall has made.')
    .addHelpText('after', '\nExample:\n  $ rollcall migrate up')
    .action(async () => end(await up()));
  migrate
    .command('down')
    .description(
      'Undoes the last migration that was applied: drops what it made, with all rows, and nothing else. Names it all and, where there are rows, asks first.',
    )
    .option('--yes', 'do not ask: drop the rows')
    .addHelpText(
      'after',
      '\nExample:\n  $ rollcall migrate status && rollcall migrate down\n\nExit codes: 0 done, 1 failed or not wanted, 2 there are rows, and neither --yes nor a terminal to ask on.',
    )
    .action(async ({ yes = false }: { yes?: boolean }) => end(await down(yes)));
  migrate
    .command('status')
    .description('Lists each migration as applied or pending, and changes nothing.')
    .addHelpText('after', '\nExample:\n  $ rollcall migrate status')
    .action(async () => end(await showMigrationStatus()));
  migrate.addHelpText('after', '\nExamples:\n  $ rollcall migrate status\n  $ rollcall migrate up');
}

async function up(): Promise<ExitCode> {
  const names = await withDatabase(loadConfig(), database =>
    tellingOfAlteredTables(database, () => migrateUp(database)),
  );
  for (const name of names) print(`Applied ${name}.\n`);
  if (names.length === 0) print('Nothing is pending.\n');
  return ExitCode.clean;
}

function down(isConfirmedAlready: boolean): Promise<ExitCode> {
  return withExistingDatabase(loadConfig(), async database => {
    const undoing = await findUndoing(database);
    if (undoing === null) {
      print('Nothing is applied, so there is nothing to undo.\n');
      return ExitCode.clean;
    }
    if ('unknown' in undoing)
      throw new CommandError(
        `The last migration, ${undoing.unknown}, is of another version of Rollcall. Undo it with that version.`,
      );
    tell(undoingText(undoing));
    if (!isConfirmedAlready && undoing.tables.some(({ rows }) => rows > 0)) {
      if (!canAsk()) {
        tell('Nothing was done. Back the database up, then add --yes.\n');
        return ExitCode.usage;
      }
      if (!(await isConfirmed('delete them'))) {
        tell('Nothing was done.\n');
        return ExitCode.failure;
      }
    }
    for (const name of await tellingOfAlteredTables(database, () => undoLast(database))) print(`Undid ${name}.\n`);
    return ExitCode.clean;
  });
}

/** Returns what goes with a migration, each by its name. */
function undoingText({ name, tables, triggers, procedures, indexes }: Undoing): string {
  const parts = [
    ...tables.map(table => `the table ${table.name} with ${quantity(table.rows, 'row')}`),
    ...triggers.map(trigger => `the trigger ${trigger}`),
    ...procedures.map(procedure => `the procedure ${procedure}`),
    ...indexes.map(index => `the index ${index}`),
  ];
  return parts.length === 0
    ? `Undoing ${name} drops nothing.\n`
    : `Undoing ${name} drops, for good: ${parts.join(', ')}.\n`;
}

async function showMigrationStatus(): Promise<ExitCode> {
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
    const { migrations, isMissing } = dialectOfUrl(config.databaseUrl).schema;
    if (!isMissingWithin(error, isMissing)) throw error;
    return { applied: null, pending: migrations };
  }
}

/** Returns true where an error, or what has caused it, means that there is no such database. */
function isMissingWithin(error: unknown, isMissing: (error: unknown) => boolean): boolean {
  const { cause } = error as { cause?: unknown };
  return error instanceof NoDatabaseFile || isMissing(error) || (cause != null && isMissingWithin(cause, isMissing));
}
