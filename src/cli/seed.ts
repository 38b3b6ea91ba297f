import type { Command } from 'commander';
import { loadConfig } from '../config.js';
import type { Database } from '../database/database.js';
import { fillEmptyDatabase } from '../services/sample-data/fill-empty-database.js';
import { defaultSeedSize, seedDatabase, type SeedSize } from '../services/sample-data/seed-database.js';
import { ExitCode } from './exit-code.js';
import { CommandError } from './failure.js';
import { counted, duration } from './format.js';
import { wholeNumber } from './option-values.js';
import { tell } from './output.js';
import { showProgress } from './progress.js';
import { withMigratedDatabase } from './with-database.js';

/** Adds `seed`. */
export function addSeed(program: Command, end: (code: ExitCode) => void): void {
  program
    .command('seed')
    .description('Adds sample data: courses, teachers, students and enrollments. Not in production.')
    .option('--courses <number>', 'how many courses', wholeNumber(0), defaultSeedSize.courses)
    .option('--students <number>', 'how many students', wholeNumber(0), defaultSeedSize.students)
    .option('--enrollments <number>', 'how many enrollments', wholeNumber(0), defaultSeedSize.enrollments)
    .addHelpText('after', '\nExamples:\n  $ rollcall seed\n  $ rollcall seed --courses 20000 --students 100000 --enrollments 2000000')
    .action(async (size: SeedSize, command: Command) => {
      const pairs = size.courses * size.students;
      if (size.enrollments > pairs) command.error(`${counted(size.students, 'student')} and ${counted(size.courses, 'course')} make at most ${counted(pairs, 'enrollment')}. Give fewer --enrollments.`);
      const config = loadConfig();
      if (config.production) throw new CommandError('Sample data are not for production. Set NODE_ENV=development if this database is for trying things out.');
      await withMigratedDatabase(config, database => seedWithProgress(database, size, seedDatabase));
      end(ExitCode.clean);
    });
}

/** Adds sample data to a database that is empty, unless another process does; shows how far it is on standard error. */
export function fillWithProgress(database: Database): Promise<void> {
  return seedWithProgress(database, defaultSeedSize, fillEmptyDatabase);
}

async function seedWithProgress(database: Database, size: SeedSize, add: typeof seedDatabase): Promise<void> {
  const what = `${counted(size.courses, 'course')}, ${counted(size.students, 'student')}, ${counted(size.enrollments, 'enrollment')}`;
  tell(`Adding sample data: ${what}\n`);
  const start = performance.now();
  const display = await showProgress('seed');
  let added: boolean;
  try {
    added = await add(database, { ...size, onProgress: display.onProgress });
  } finally {
    display.finish();
  }
  tell(added ? `Added in ${duration(performance.now() - start)}.\n` : 'Nothing added: somebody else has put data there meanwhile.\n');
}
