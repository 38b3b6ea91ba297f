import type { Command } from 'commander';
import { loadConfig } from '../../config/config.js';
import { startRecount } from '../../recounts/index.js';
import { operator } from '../../access/viewer.js';
import type { ExitCode } from '../output/exit-code.js';
import { ids, wholeNumber } from '../input/option-values.js';
import { keyNamed } from '../input/keys.js';
import { withExistingDatabase } from '../database/with-database.js';
import { startedBy, workOnRun } from '../runs/work-on-run.js';

interface RecountOptions {
  readonly courseId?: readonly string[];
  readonly dryRun?: boolean;
  readonly batchSize?: number;
  readonly throttle?: number;
  readonly json?: boolean;
}

/** Adds `recount`, also named `update-total-enrollments`. */
export function addRecount(program: Command, end: (code: ExitCode) => void): void {
  program
    .command('recount')
    .alias('update-total-enrollments')
    .description(
      'Repairs the stored counts that do not match, while others write. Each recount is a run: recorded, resumable and undoable (see "rollcall runs").',
    )
    .option('--course-id <id>', 'recount only this course; can be given several times', ids)
    .option('--dry-run', 'show what would change, and change nothing; exit code 3 if something would')
    .option(
      '--batch-size <courses>',
      'how many courses one statement compares (sized by time, about 0.2 s)',
      wholeNumber(1),
    )
    .option('--throttle <ms>', 'milliseconds to pause after each chunk and each repair (0)', wholeNumber(0))
    .option('--json', 'print JSON lines: one for each change, then one for the run')
    .addHelpText('after', help)
    .action(async ({ courseId, dryRun, batchSize, throttle, json = false }: RecountOptions) => {
      const request = { dryRun, batchSize, throttle, startedBy: startedBy('recount') };
      end(
        await withExistingDatabase(loadConfig(), async database => {
          const courseIds = courseId?.map(id => keyNamed(database, 'courses', '--course-id', id));
          return workOnRun(database, await startRecount(database, operator, { ...request, courseIds }), json);
        }),
      );
    });
}

const help = `
Examples:
  $ rollcall recount
  $ rollcall update-total-enrollments --course-id 12 --course-id 31
  $ rollcall recount --dry-run --json

SIGINT (Ctrl+C) and SIGTERM pause the run after the current chunk and say how to resume it. Two recounts of the same
courses do not run at the same time: the second fails with a message about the first.

Each line of --json has courseId, title, counter, before and after; the last one has only run.

Exit codes: 0 done, 3 a dry run found something to change, 1 not done: paused, cancelled, refused or failed; 2 usage.`;
