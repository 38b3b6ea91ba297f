import type { Command } from 'commander';
import { loadConfig } from '../../config/config.js';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Database } from '../../database/database.js';
import { inTransaction } from '../../transactions/transactions.js';
import {
  addSampleData,
  defaultSeedSize,
  seedDatabase,
  databaseSize,
  type Seed,
  type SeedSize,
} from '../../tools/sample-data/seed-database.js';
import { canAsk, isConfirmed } from '../confirmation.js';
import { ExitCode } from '../exit-code.js';
import { CommandError } from '../failure.js';
import { quantity, duration } from '../format.js';
import { wholeNumber } from '../option-values.js';
import { tell } from '../output.js';
import { showProgress } from '../progress.js';
import { withMigratedDatabase } from '../with-database.js';

/** Adds `seed`. */
export function addSeed(program: Command, end: (code: ExitCode) => void): void {
  program
    .command('seed')
    .description(
      'Adds sample data: courses, teachers, students and enrollments. Asks first where there are users or courses. Not in production.',
    )
    .option('--courses <number>', 'how many courses', wholeNumber(0), defaultSeedSize.courses)
    .option('--students <number>', 'how many students', wholeNumber(0), defaultSeedSize.students)
    .option('--enrollments <number>', 'how many enrollments', wholeNumber(0), defaultSeedSize.enrollments)
    .addHelpText(
      'after',
      '\nExamples:\n  $ rollcall seed\n  $ rollcall seed --courses 20000 --students 100000 --enrollments 2000000\n\nExit codes: 0 done, 1 failed or not wanted, 2 there are users or courses, and neither --yes nor a terminal to ask on.',
    )
    .option('--yes', 'do not ask: add them to what is there')
    .action(async ({ yes = false, ...size }: SeedSize & { yes?: boolean }, command: Command) => {
      const pairs = size.courses * size.students;
      if (size.enrollments > pairs)
        command.error(
          `${quantity(size.students, 'student')} and ${quantity(size.courses, 'course')} make at most ${quantity(pairs, 'enrollment')}. Give fewer --enrollments.`,
        );
      const config = loadConfig();
      if (config.production)
        throw new CommandError(
          'Sample data are not for production. Set NODE_ENV=development if this database is for trying things out.',
        );
      end(
        await withMigratedDatabase(config, async database => {
          const refusal = yes ? null : await mayMix(database);
          if (refusal !== null) return refusal;
          await seedWithProgress(size, seed => seedDatabase(database, seed));
          return ExitCode.clean;
        }),
      );
    });
}

/**
 * Adds sample data to a database whose schema was empty, in the entity manager's transaction where it has one; shows
 * how far it is on standard error.
 */
export function fillWithProgress(database: Database, em: SqlEntityManager): Promise<void> {
  return seedWithProgress(defaultSeedSize, seed =>
    em.isInTransaction() ? addSampleData(em, seed) : inTransaction(database, own => addSampleData(own, seed)),
  );
}

/**
 * Returns null where there is nothing that sample data would be mixed with, or somebody wants that; otherwise says so
 * and returns the exit code.
 */
async function mayMix(database: Database): Promise<ExitCode | null> {
  const { users, courses } = await databaseSize(database);
  if (users + courses === 0) return null;
  tell(
    `The database holds ${quantity(users, 'user')} and ${quantity(courses, 'course')}. Sample data would be mixed with them, and nothing takes them out again.\n`,
  );
  if (!canAsk()) {
    tell('Nothing was added. Add --yes if that is what you want.\n');
    return ExitCode.usage;
  }
  if (await isConfirmed('add them')) return null;
  tell('Nothing was added.\n');
  return ExitCode.failure;
}

async function seedWithProgress(size: SeedSize, add: (seed: Seed) => Promise<void>): Promise<void> {
  const what = `${quantity(size.courses, 'course')}, ${quantity(size.students, 'student')}, ${quantity(size.enrollments, 'enrollment')}`;
  tell(`Adding sample data: ${what}\n`);
  const start = performance.now();
  const display = await showProgress('seed');
  try {
    await add({ ...size, onProgress: display.onProgress });
  } finally {
    display.finish();
  }
  tell(`Added in ${duration(performance.now() - start)}.\n`);
}
