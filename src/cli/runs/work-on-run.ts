import { userInfo } from 'node:os';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { countersInto } from 'mikro-orm-counters';
import type { Database } from '../../database/database.js';
import { Course, RunKind, RunStatus } from '../../entities/index.js';
import type { Outcome } from '../../use-cases/outcome.js';
import { runById, workOn, type ClaimedRun } from '../../recounts/index.js';
import { operator } from '../../access/viewer.js';
import { ExitCode } from '../output/exit-code.js';
import { CommandError } from '../failures/command-error.js';
import { interruption } from '../input/interruption.js';
import { print, tell } from '../output/terminal.js';
import { showProgress } from '../output/progress.js';
import { runReport } from './run-report.js';

/**
 * Works on a run that this process has claimed, prints each change and the run's outcome, and returns the exit code.
 * SIGINT and SIGTERM pause the run after the current chunk. Errors: CommandError if the run could not be claimed.
 */
export async function workOnRun(
  database: Database,
  { value, problems }: Outcome<ClaimedRun>,
  json: boolean,
): Promise<ExitCode> {
  if (!value) throw new CommandError(problems.map(({ message }) => message).join('\n'));
  const claimed = (await runById(database, operator, value))!;
  const unit = claimed.kind === RunKind.UNDO ? 'changes' : 'courses';
  const display = await showProgress(claimed.kind === RunKind.UNDO ? 'undo' : 'recount', { unit, quiet: true });
  const stop = interruption(() => tell(`Pausing run ${value.id} after this chunk; a second signal stops at once.\n`));
  const report = runReport(claimed, json, columnOfCounter(database), print);
  try {
    const start = claimed.checked;
    const run = await workOn(database, value, {
      signal: stop.signal,
      onChange: change => report.change(change),
      onProgress: ({ checked, total }) => display.onProgress({ done: checked, total, rows: checked - start }),
    });
    display.finish();
    report.end(run);
    if (run.status !== RunStatus.SUCCEEDED) return ExitCode.failure;
    return run.dryRun && run.drifted > 0 ? ExitCode.drift : ExitCode.clean;
  } finally {
    display.finish();
    stop.stop();
  }
}

/** Returns what a run records about its caller: the command, and the user of the operating system. */
export function startedBy(command: string): string {
  return `command ${command}, user ${userInfo().username}`;
}

/** Returns what finds the column of a counter; a counter that is no longer declared keeps its name. */
function columnOfCounter(database: Database): (counter: string) => string {
  const columns = new Map(
    countersInto(database.em as SqlEntityManager, Course).map(({ name, column }) => [name, column]),
  );
  return counter => columns.get(counter) ?? counter;
}
