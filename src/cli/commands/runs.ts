import type { Command } from 'commander';
import { loadConfig } from '../../config/config.js';
import type { Database } from '../../database/database.js';
import type { Outcome } from '../../use-cases/outcome.js';
import { cancelRun, pauseRun, resumeRun, startUndo } from '../../recounts/index.js';
import { operator } from '../../access/viewer.js';
import { ExitCode } from '../output/exit-code.js';
import { CommandError } from '../failures/command-error.js';
import { wholeNumber } from '../input/option-values.js';
import { print } from '../output/terminal.js';
import { listRuns } from '../runs/list-runs.js';
import { showRun } from '../runs/show-run.js';
import { withExistingDatabase } from '../database/with-database.js';
import { startedBy, workOnRun } from '../runs/work-on-run.js';

interface Json {
  readonly json?: boolean;
}

/** Adds `runs list`, `show`, `pause`, `resume`, `cancel` and `undo`. */
export function addRuns(program: Command, end: (code: ExitCode) => void): void {
  const runs = program
    .command('runs')
    .description('Lists runs of recounts, shows one, and pauses, resumes, cancels or undoes it.');
  const using = async (work: (database: Database) => Promise<ExitCode>): Promise<void> =>
    end(await withExistingDatabase(loadConfig(), work));
  const json = ['--json', 'print JSON lines'] as const;
  const addForRun = (name: string, description: string): Command =>
    runs
      .command(name)
      .description(description)
      .argument('<id>', 'the number of the run', wholeNumber(1))
      .addHelpText('after', `\nExample:\n  $ rollcall runs ${name} 7`);

  runs
    .command('list')
    .description('Lists runs, newest first.')
    .option('--limit <runs>', 'how many to list (20)', wholeNumber(1), 20)
    .option(...json)
    .addHelpText('after', '\nExample:\n  $ rollcall runs list --limit 5')
    .action(({ limit, json: lines = false }: Json & { limit: number }) =>
      using(database => listRuns(database, limit, lines)),
    );
  addForRun('show', 'Shows a run and every change that it made.')
    .option(...json)
    .action((id: number, { json: lines = false }: Json) => using(database => showRun(database, id, lines)));
  addForRun('pause', 'Pauses a run, whichever process is working on it: it changes nothing more.').action(
    (id: number) =>
      using(async database =>
        reportOutcome(
          await pauseRun(database, operator, { id }),
          `Run ${id} is paused. Continue it with "rollcall runs resume ${id}".`,
        ),
      ),
  );
  addForRun('resume', 'Continues, in this process, a run that is paused, failed or interrupted.')
    .option(...json)
    .action((id: number, { json: lines = false }: Json) =>
      using(async database => workOnRun(database, await resumeRun(database, operator, { id }), lines)),
    );
  addForRun('cancel', 'Cancels a run permanently; its changes stay.').action((id: number) =>
    using(async database =>
      reportOutcome(
        await cancelRun(database, operator, { id }),
        `Run ${id} is cancelled; its changes stay. Undo them with "rollcall runs undo ${id}".`,
      ),
    ),
  );
  addForRun('undo', 'Undoes the changes of a run, one by one, as a run of its own.')
    .option(...json)
    .action((id: number, { json: lines = false }: Json) =>
      using(async database =>
        workOnRun(database, await startUndo(database, operator, { id, startedBy: startedBy('runs undo') }), lines),
      ),
    );
  runs.addHelpText('after', '\nExamples:\n  $ rollcall runs list\n  $ rollcall runs show 7\n  $ rollcall runs undo 7');
}

function reportOutcome({ value, problems }: Outcome<unknown>, text: string): ExitCode {
  if (!value) throw new CommandError(problems.map(({ message }) => message).join('\n'));
  print(`${text}\n`);
  return ExitCode.clean;
}
