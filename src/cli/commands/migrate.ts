import type { Command } from 'commander';
import { loadConfig, type Config } from '../../config/config.js';
import { dialectOfUrl } from '../../database/texts/database-url.js';
import { NoDatabaseFile } from '../../database/database.js';
import { readJournal, type Journal } from '../../database/adoption/journal.js';
import { migrateUp } from '../../database/schema/migrate-up.js';
import { findSchema, type FoundSchema } from '../../database/schema/own-schema.js';
import { planUndo, undoLast, type MigrationUndo } from '../../database/schema/undo.js';
import { reportingAlteredTables } from '../reports/altered-tables.js';
import { canAsk, confirm } from '../input/confirmation.js';
import { ExitCode } from '../output/exit-code.js';
import { CommandError } from '../failures/command-error.js';
import { isWithin } from '../failures/within.js';
import { quantity } from '../../tools/words.js';
import { print, tell } from '../output/terminal.js';
import { adoptFurther, journalOf } from '../database/adopted.js';
import { fillCounts } from '../runs/fill-counts.js';
import { withDatabase, withExistingDatabase } from '../database/with-database.js';

/** Adds `migrate up`, `migrate down` and `migrate status`. */
export function addMigrate(program: Command, end: (code: ExitCode) => void): void {
  const migrate = program.command('migrate').description("Changes the database's schema, or shows its state.");
  migrate
    .command('up')
    .description('Applies all pending migrations to an empty database or one that Rollcall created.')
    .addHelpText('after', '\nExample:\n  $ rollcall migrate up')
    .action(async () => end(await up()));
  migrate
    .command('down')
    .description(
      'Undoes the last applied migration: drops what it created, with all rows, and nothing else. Names everything that it drops, and asks first if there are rows.',
    )
    .option('--yes', 'do not ask: drop the rows')
    .addHelpText(
      'after',
      '\nExample:\n  $ rollcall migrate status && rollcall migrate down\n\nExit codes: 0 done, 1 failed or declined, 2 there are rows, but neither --yes nor a terminal to ask on.',
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
  const config = loadConfig();
  const journal = await journalIn(config);
  if (journal !== null) {
    const steps = await adoptFurther(config.databaseUrl, journal);
    if (steps === 0) {
      print('Nothing is pending.\n');
      return ExitCode.clean;
    }
    print(`Added what this version needs: ${quantity(steps, 'addition')}.\n`);
    return fillCounts(config, journal.map, 'migrate up');
  }
  const names = await withDatabase(config, database => reportingAlteredTables(database, () => migrateUp(database)));
  for (const name of names) print(`Applied ${name}.\n`);
  if (names.length === 0) print('Nothing is pending.\n');
  return ExitCode.clean;
}

function down(isConfirmedAlready: boolean): Promise<ExitCode> {
  return withExistingDatabase(loadConfig(), async database => {
    if ((await readJournal(database.em.fork())) !== null)
      throw new CommandError(
        'This is the database of another application, which was opened in place: no migration made its tables. Take the adoption back with "rollcall adopt --undo".',
      );
    const undoing = await planUndo(database);
    if (undoing === null) {
      print('Nothing is applied, so there is nothing to undo.\n');
      return ExitCode.clean;
    }
    if ('unknown' in undoing)
      throw new CommandError(
        `The last migration, ${undoing.unknown}, belongs to another version of Rollcall. Undo it with that version.`,
      );
    tell(undoingText(undoing));
    if (!isConfirmedAlready && undoing.tables.some(({ rows }) => rows > 0)) {
      if (!canAsk()) {
        tell('Nothing was done. Back up the database, then add --yes.\n');
        return ExitCode.usage;
      }
      if (!(await confirm('delete them'))) {
        tell('Nothing was done.\n');
        return ExitCode.failure;
      }
    }
    for (const name of await reportingAlteredTables(database, () => undoLast(database))) print(`Undid ${name}.\n`);
    return ExitCode.clean;
  });
}

/** Returns what undoing a migration drops, each thing by its name. */
function undoingText({ name, tables, triggers, procedures, columns, indexes }: MigrationUndo): string {
  const parts = [
    ...tables.map(table => `the table ${table.name} with ${quantity(table.rows, 'row')}`),
    ...triggers.map(trigger => `the trigger ${trigger}`),
    ...procedures.map(procedure => `the ${procedure}`),
    ...columns.map(column => `the column ${column}`),
    ...indexes.map(index => `the index ${index}`),
  ];
  return parts.length === 0
    ? `Undoing ${name} drops nothing.\n`
    : `Undoing ${name} permanently drops: ${parts.join(', ')}.\n`;
}

async function showMigrationStatus(): Promise<ExitCode> {
  const config = loadConfig();
  const { applied, pending } = await schemaOf(config);
  for (const name of applied ?? []) print(`applied  ${name}\n`);
  for (const { name } of pending) print(`pending  ${name}\n`);
  return ExitCode.clean;
}

/** Returns the journal of the configured database if it was adopted, even if there is no such database yet. */
function journalIn(config: Config): Promise<Journal | null> {
  return unlessMissing(config, () => journalOf(config.databaseUrl), null);
}

/** Returns the state of the configured database's schema, even if there is no such database yet. */
function schemaOf(config: Config): Promise<Pick<FoundSchema, 'applied' | 'pending'>> {
  const { migrations } = dialectOfUrl(config.databaseUrl).schema;
  return unlessMissing<Pick<FoundSchema, 'applied' | 'pending'>>(
    config,
    () => withExistingDatabase(config, database => findSchema(database)),
    { applied: null, pending: migrations },
  );
}

/** Returns the result of reading the configured database, or something else if there is no such database yet. */
async function unlessMissing<Result>(
  { databaseUrl }: Config,
  read: () => Promise<Result>,
  otherwise: Result,
): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    const { isMissing } = dialectOfUrl(databaseUrl).schema;
    if (!isWithin(error, one => one instanceof NoDatabaseFile || isMissing(one))) throw error;
    return otherwise;
  }
}
