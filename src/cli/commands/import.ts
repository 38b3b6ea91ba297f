import type { Command } from 'commander';
import { loadConfig } from '../../config/config.js';
import { importEnrollments } from '../../tools/import/import-enrollments.js';
import { importOulad } from '../../tools/import/import-oulad.js';
import { ouladFiles } from '../../tools/import/oulad-files.js';
import type { ImportOptions, ImportResult } from '../../tools/import/run-import.js';
import { fileSource } from '../../tools/import/source.js';
import { interruption } from '../input/interruption.js';
import { ExitCode } from '../output/exit-code.js';
import { grouped } from '../output/format.js';
import { print, tell } from '../output/terminal.js';
import { showProgress } from '../output/progress.js';
import { withMigratedDatabase } from '../database/with-database.js';

/** Where anybody gets the dataset. */
const OULAD_SOURCE = `The dataset is free to use under CC BY 4.0 (Kuzilek, Hlosta and Zdrahal, Open University Learning Analytics dataset,
2017). Download it from https://analyse.kmi.open.ac.uk/open-dataset or from the UCI Machine Learning Repository, where it
is dataset 349, and unpack the archive.`;

/** Adds `import enrollments` and `import oulad`. */
export function addImport(program: Command, end: (code: ExitCode) => void): void {
  const command = program
    .command('import')
    .description(
      'Imports enrollments. Existing rows stay unchanged, so an import can be repeated, and continues where it stopped.',
    );
  const strict = ['--strict', 'write nothing if any row is bad'] as const;
  command
    .command('enrollments')
    .description(
      'Imports a CSV file whose first row names its columns: course (id or exact title), student (id or email), and optionally status and enrolled_at (ISO 8601).',
    )
    .argument('<file>', 'the CSV file')
    .option(...strict)
    .option(
      '--ignore-column <name>',
      'ignore a column that has another name; can be given several times',
      (name: string, names: readonly string[] | undefined) => [...(names ?? []), name],
    )
    .addHelpText(
      'after',
      '\nExamples:\n  $ rollcall import enrollments autumn.csv\n  $ rollcall import enrollments --strict autumn.csv 2> bad-rows.txt\n  $ rollcall import enrollments --ignore-column notes autumn.csv',
    )
    .action(
      async (
        path: string,
        { ignoreColumn: ignoredColumns, ...options }: { strict?: boolean; ignoreColumn?: readonly string[] },
      ) => {
        const config = loadConfig();
        // Before the database is opened: a wrong path must not create one.
        const source = await fileSource(path);
        end(
          await withMigratedDatabase(config, database =>
            reported(more => importEnrollments(database, source, { ...options, ignoredColumns, ...more })),
          ),
        );
      },
    );
  command
    .command('oulad')
    .description(
      'Imports the Open University Learning Analytics Dataset (doi 10.1038/sdata.2017.171): 22 courses, 28,785 students, 32,593 enrollments.',
    )
    .argument('<folder>', 'where courses.csv, studentInfo.csv and studentRegistration.csv are')
    .option(...strict)
    .addHelpText(
      'after',
      `
Example:
  $ rollcall import oulad oulad/

${OULAD_SOURCE}`,
    )
    .action(async (folder: string, options: { strict?: boolean }) => {
      const config = loadConfig();
      const files = await ouladFiles(folder);
      end(
        await withMigratedDatabase(config, database =>
          reported(more => importOulad(database, files, { ...options, ...more })),
        ),
      );
    });
  command.addHelpText(
    'after',
    '\nExamples:\n  $ rollcall import enrollments autumn.csv\n  $ rollcall import oulad oulad/',
  );
}

/**
 * Runs an import with progress, reports bad rows and the result, and stops after the current batch on SIGINT or SIGTERM.
 */
async function reported(work: (options: ImportOptions) => Promise<ImportResult>): Promise<ExitCode> {
  const display = await showProgress('import');
  const stop = interruption(() => tell('Stopping after this batch; a second signal stops at once.\n'));
  try {
    const result = await work({
      onProgress: display.onProgress,
      onBadRow: ({ file, line, code, message }) => tell(`${file}:${line}: ${code}: ${message}\n`),
      signal: stop.signal,
    });
    display.finish();
    print(`${importSummary(result)}\n`);
    return result.outcome === 'finished' && result.bad === 0 ? ExitCode.clean : ExitCode.failure;
  } finally {
    display.finish();
    stop.stop();
  }
}

/** Returns the result in words: what was done, and what to do next if something is left. */
export function importSummary({ rows, added, alreadyThere, bad, outcome }: ImportResult): string {
  if (outcome === 'refused')
    return `Nothing was written: ${grouped(bad)} of ${grouped(rows)} rows are bad. Correct them, or omit --strict to import the others.`;
  const counts = `${grouped(added)} added, ${grouped(alreadyThere)} already there, ${grouped(bad)} bad`;
  if (outcome === 'interrupted')
    return `Stopped after ${grouped(rows)} rows: ${counts}. Run the same command again to continue.`;
  return `${grouped(rows)} rows: ${counts}.${bad > 0 ? ' Correct the bad rows and run the same command again.' : ''}`;
}
