import type { Command } from 'commander';
import { loadConfig } from '../../config/config.js';
import type { Database } from '../../database/database.js';
import { databaseSize, defaultSeedSize, seedDatabase, type SeedSize } from '../../tools/sample-data/seed-database.js';
import { canAsk, confirm } from '../input/confirmation.js';
import { ExitCode } from '../output/exit-code.js';
import { CommandError } from '../failures/command-error.js';
import { quantity } from '../../tools/words.js';
import { wholeNumber } from '../input/option-values.js';
import { tell } from '../output/terminal.js';
import { seedWithProgress } from '../database/sample-data.js';
import { withMigratedDatabase } from '../database/with-database.js';

/** Adds `seed`. */
export function addSeed(program: Command, end: (code: ExitCode) => void): void {
  program
    .command('seed')
    .description(
      'Adds sample data: courses, teachers, students and enrollments. Asks first if there are users or courses. Refuses to in production.',
    )
    .option('--courses <number>', 'how many courses', wholeNumber(0), defaultSeedSize.courses)
    .option('--students <number>', 'how many students', wholeNumber(0), defaultSeedSize.students)
    .option('--enrollments <number>', 'how many enrollments', wholeNumber(0), defaultSeedSize.enrollments)
    .addHelpText(
      'after',
      '\nExamples:\n  $ rollcall seed\n  $ rollcall seed --courses 20000 --students 100000 --enrollments 2000000\n\nExit codes: 0 done, 1 failed or declined, 2 there are users or courses, but neither --yes nor a terminal to ask on.',
    )
    .option('--yes', 'do not ask: add them to the existing data')
    .action(async ({ yes = false, ...size }: SeedSize & { yes?: boolean }, command: Command) => {
      const pairs = size.courses * size.students;
      if (size.enrollments > pairs)
        command.error(
          `${quantity(size.students, 'student')} and ${quantity(size.courses, 'course')} allow at most ${quantity(pairs, 'enrollment')}. Lower --enrollments.`,
        );
      const config = loadConfig();
      if (config.production)
        throw new CommandError(
          'Sample data are not allowed in production. Set NODE_ENV=development if this database is for experiments.',
        );
      end(
        await withMigratedDatabase(config, async database => {
          const refusal = yes ? null : await refusalOf(database);
          if (refusal !== null) return refusal;
          await seedWithProgress(size, seed => seedDatabase(database, seed));
          return ExitCode.clean;
        }),
      );
    });
}

/**
 * Returns null if there is nothing that sample data would be mixed with, or a person confirms that they may be; otherwise
 * says that nothing was added, and returns the exit code.
 */
async function refusalOf(database: Database): Promise<ExitCode | null> {
  const { users, courses } = await databaseSize(database);
  if (users + courses === 0) return null;
  tell(
    `The database holds ${quantity(users, 'user')} and ${quantity(courses, 'course')}. Sample data would be mixed with them, and cannot be removed again.\n`,
  );
  if (!canAsk()) {
    tell('Nothing was added. To add sample data anyway, give --yes.\n');
    return ExitCode.usage;
  }
  if (await confirm('add them')) return null;
  tell('Nothing was added.\n');
  return ExitCode.failure;
}
