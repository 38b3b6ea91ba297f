import type { Command } from 'commander';
import { loadConfig } from '../config.js';
import { migrateUp } from '../database/migrate-up.js';
import { ExitCode } from './exit-code.js';
import { print } from './output.js';
import { withDatabase } from './with-database.js';

/** Adds `migrate up`, `migrate down` and `migrate status`. */
export function addMigrate(program: Command, end: (code: ExitCode) => void): void {
  const migrate = program.command('migrate').description('Changes the database\'s schema, or says how it stands.');
  migrate
    .command('up')
    .description('Applies all migrations that are pending.')
    .addHelpText('after', '\nExample:\n  $ rollcall migrate up')
    .action(async () => end(await up()));
  migrate
    .command('down')
    .description('Undoes the last migration that was applied, with the data in what it made. Asks nothing.')
    .addHelpText('after', '\nExample:\n  $ rollcall migrate status && rollcall migrate down')
    .action(async () => end(await down()));
  migrate
    .command('status')
    .description('Lists each migration as applied or pending.')
    .addHelpText('after', '\nExample:\n  $ rollcall migrate status')
    .action(async () => end(await status()));
  migrate.addHelpText('after', '\nExamples:\n  $ rollcall migrate status\n  $ rollcall migrate up');
}

async function up(): Promise<ExitCode> {
  const names = await withDatabase(loadConfig(), migrateUp);
  for (const name of names) print(`Applied ${name}.\n`);
  if (names.length === 0) print('Nothing is pending.\n');
  return ExitCode.clean;
}

async function down(): Promise<ExitCode> {
  const undone = await withDatabase(loadConfig(), database => database.migrator.down());
  for (const { name } of undone) print(`Undid ${name}.\n`);
  if (undone.length === 0) print('Nothing is applied, so there is nothing to undo.\n');
  return ExitCode.clean;
}

async function status(): Promise<ExitCode> {
  const { applied, pending } = await withDatabase(loadConfig(), async ({ migrator }) => ({ applied: await migrator.getExecuted(), pending: await migrator.getPending() }));
  for (const { name } of applied) print(`applied  ${name}\n`);
  for (const { name } of pending) print(`pending  ${name}\n`);
  return ExitCode.clean;
}
