import type { Command } from 'commander';
import { loadConfig } from '../../config/config.js';
import type { Database } from '../../database/database.js';
import { verifyCounts, type CourseCount } from '../../recounts/verify-counts.js';
import { operator } from '../../access/viewer.js';
import { ExitCode } from '../output/exit-code.js';
import { CommandError } from '../failures/command-error.js';
import { interruption } from '../input/interruption.js';
import { ids, wholeNumber } from '../input/option-values.js';
import { print, tell } from '../output/terminal.js';
import { showProgress } from '../output/progress.js';
import { verifyReport, type VerifyReport, type VerifyTotals } from '../reports/verify-report.js';
import { keyNamed } from '../input/keys.js';
import { withExistingDatabase } from '../database/with-database.js';

interface VerifyCommandOptions {
  readonly courseId?: readonly string[];
  readonly all?: boolean;
  readonly batchSize?: number;
  readonly json?: boolean;
}

/** Adds `verify`. */
export function addVerify(program: Command, end: (code: ExitCode) => void): void {
  program
    .command('verify')
    .description(
      'Compares the stored counts with the enrollments and changes nothing; writers do not wait. Exit code 3 if counts do not match.',
    )
    .option('--course-id <id>', 'verify only this course; can be given several times', ids)
    .option('--all', 'list matching counts too')
    .option(
      '--batch-size <courses>',
      'how many courses one statement compares (sized by time, about 0.2 s)',
      wholeNumber(1),
    )
    .option('--json', 'print JSON lines: one for each count, then a summary')
    .addHelpText('after', help)
    .action(async (options: VerifyCommandOptions) =>
      end(await withExistingDatabase(loadConfig(), database => verify(database, options))),
    );
}

async function verify(
  database: Database,
  { courseId, all, batchSize, json = false }: VerifyCommandOptions,
): Promise<ExitCode> {
  const display = await showProgress('verify', { unit: 'courses', quiet: true });
  const stop = interruption(() => tell('Stopping after this chunk; a second signal stops at once.\n'));
  try {
    const { value, problems } = await verifyCounts(database, operator, {
      courseIds: courseId?.map(id => keyNamed(database, 'courses', '--course-id', id)),
      all,
      batchSize,
      signal: stop.signal,
    });
    if (!value) throw new CommandError(problems.map(({ message }) => message).join('\n'));
    const report = verifyReport({ json, write: print });
    const totals: VerifyTotals = { total: value.total, checked: 0, mismatches: 0, courses: 0, problems };
    for await (const { checked, counts } of value.chunks) {
      report.counts(counts);
      addChunk(totals, checked, counts);
      display.onProgress({ done: totals.checked, total: totals.total, rows: totals.checked });
    }
    display.finish();
    return finished(report, totals, stop.signal.aborted);
  } finally {
    display.finish();
    stop.stop();
  }
}

function addChunk(totals: VerifyTotals, checked: number, counts: readonly CourseCount[]): void {
  const drifting = counts.filter(({ drift }) => drift !== 0);
  totals.checked += checked;
  totals.mismatches += drifting.length;
  totals.courses += new Set(drifting.map(({ courseId }) => courseId)).size;
}

function finished(report: VerifyReport, totals: VerifyTotals, interrupted: boolean): ExitCode {
  report.summary(totals, interrupted);
  for (const { message } of totals.problems) tell(`${message}\n`);
  // Not everything that was requested could be verified, which matters more than whether the rest matches.
  if (interrupted || totals.problems.length > 0) return ExitCode.failure;
  return totals.mismatches > 0 ? ExitCode.drift : ExitCode.clean;
}

const help = `
Examples:
  $ rollcall verify
  $ rollcall verify --course-id 12 --course-id 31 --all
  $ rollcall verify --json | jq 'select(.result == "MISMATCH")'

Each line of --json has courseId, title, counter, stored, actual, drift (stored - actual) and result; the last one has
only summary. Output without a summary is incomplete.

Exit codes: 0 all counts match, 3 some do not, 1 not all were verified: a course does not exist (the others are
verified), the command was interrupted, or the database failed; 2 usage.`;
