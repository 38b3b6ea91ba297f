import { Option, type Command } from 'commander';
import { loadConfig } from '../../config/config.js';
import { enrollmentColumns } from '../../tools/import/enrollment-rows.js';
import { courseColumns, importCourses } from '../../tools/import/import-courses.js';
import { importEnrollments } from '../../tools/import/import-enrollments.js';
import { formatColumns } from '../../tools/import/formats/enrollment-format.js';
import { enrollmentFormats } from '../../tools/import/formats/formats.js';
import { importFormat } from '../../tools/import/import-format.js';
import { importOulad } from '../../tools/import/import-oulad.js';
import { importUsers, userColumns } from '../../tools/import/import-users.js';
import { nameTable } from '../../tools/import/name-table.js';
import { ouladFiles } from '../../tools/import/oulad-files.js';
import type { Matching } from '../../tools/import/references.js';
import type { ImportOptions, ImportResult } from '../../tools/import/run-import.js';
import { fileSource } from '../../tools/import/source.js';
import { addFileOptions, fileOptions, type GivenFileOptions } from '../input/file-options.js';
import { interruption } from '../input/interruption.js';
import { ExitCode } from '../output/exit-code.js';
import { grouped } from '../../tools/words.js';
import { print, tell } from '../output/terminal.js';
import { showProgress } from '../output/progress.js';
import { withMigratedDatabase } from '../database/with-database.js';
import { addImportDatabase } from './import-database.js';

/** Where anybody gets the dataset. */
const OULAD_SOURCE = `The dataset is free to use under CC BY 4.0 (Kuzilek, Hlosta and Zdrahal, Open University Learning Analytics dataset,
2017). Download it from https://analyse.kmi.open.ac.uk/open-dataset or from the UCI Machine Learning Repository, where it
is dataset 349, and unpack the archive.`;

/** Adds `import enrollments` and `import oulad`. */
export function addImport(program: Command, end: (code: ExitCode) => void): void {
  const command = program
    .command('import')
    .description(
      'Imports enrollments, courses and users. Existing rows stay unchanged, except with --from, so an import can be repeated, and continues where it stopped.',
    );
  const strict = ['--strict', 'write nothing if any row is bad'] as const;
  const dryRun = ['--dry-run', 'write nothing, and say what an import would do'] as const;
  addFileOptions(
    command
      .command('enrollments')
      .description(
        'Imports a table whose first row names its columns: course (id or exact title), student (id or email), and optionally status and enrolled_at. It is CSV with any usual delimiter, encoding and line break, or JSON Lines.',
      )
      .argument('<file>', 'the file')
      .option(...strict)
      .option(...dryRun),
    [...columnNames(enrollmentColumns), ...formatColumns],
  )
    .addOption(
      new Option('--from <format>', 'the file has this format of another system, and its operations are done').choices(
        Object.keys(enrollmentFormats),
      ),
    )
    .addOption(new Option('--match-courses <by>', 'what course has: an id or a title').choices(['id', 'title']))
    .addOption(new Option('--match-users <by>', 'what student has: an id or an email').choices(['id', 'email']))
    .option('--courses <file>', 'a table of external_id and course: our id or title for each name in the file')
    .option('--users <file>', 'a table of external_id and user: our id or email for each name in the file')
    .addHelpText(
      'after',
      `
Examples:
  $ rollcall import enrollments autumn.csv
  $ rollcall import enrollments --strict autumn.csv 2> bad-rows.txt
  $ rollcall import enrollments --dry-run --map course=Kurs --values status:belegt=active --date-format DD.MM.YYYY herbst.csv
  $ rollcall import enrollments --ignore-column notes autumn.csv
  $ rollcall import enrollments --from canvas --courses courses.csv --users users.csv enrollments.csv`,
    )
    .action(async (path: string, given: EnrollmentFlags, itself: Command) => {
      const format = given.from === undefined ? undefined : enrollmentFormats[given.from];
      const columns = format ? Object.keys(format.columns) : columnNames(enrollmentColumns);
      const other = [...(given.map?.keys() ?? []), ...(given.values?.keys() ?? [])].find(one => !columns.includes(one));
      if (other !== undefined)
        itself.error(
          `There is no column ${other} ${format ? `in the format ${given.from}` : 'without --from'}. The columns are ${columns.join(', ')}.`,
        );
      const config = loadConfig();
      // Before the database is opened: a wrong path must not create one.
      const source = await fileSource(path);
      const matching = await matchingOf(given);
      end(
        await withMigratedDatabase(config, database =>
          reported(more => {
            const options = { ...flagsOf(given), ...fileOptions(given), matching, ...more };
            return format
              ? importFormat(database, source, format, options)
              : importEnrollments(database, source, options);
          }),
        ),
      );
    });
  for (const [name, columns, what, run] of [
    [
      'courses',
      courseColumns,
      'title, and optionally description, status, is_published, capacity, instructor (id or email) and created_at',
      importCourses,
    ],
    ['users', userColumns, 'name, email, and optionally role and created_at', importUsers],
  ] as const)
    addFileOptions(
      command
        .command(name)
        .description(
          `Imports a table whose first row names its columns: ${what}. A row that differs from one that is there is bad.`,
        )
        .argument('<file>', 'the file')
        .option(...strict)
        .option(...dryRun),
      columnNames(columns),
    )
      .addHelpText('after', `\nExample:\n  $ rollcall import ${name} --dry-run ${name}.csv`)
      .action(async (path: string, given: Flags & GivenFileOptions) => {
        const config = loadConfig();
        const source = await fileSource(path);
        end(
          await withMigratedDatabase(config, database =>
            reported(more => run(database, source, { ...flagsOf(given), ...fileOptions(given), ...more })),
          ),
        );
      });
  command
    .command('oulad')
    .description(
      'Imports the Open University Learning Analytics Dataset (doi 10.1038/sdata.2017.171): 22 courses, 28,785 students, 32,593 enrollments.',
    )
    .argument('<folder>', 'where courses.csv, studentInfo.csv and studentRegistration.csv are')
    .option(...strict)
    .option(...dryRun)
    .addHelpText(
      'after',
      `
Example:
  $ rollcall import oulad oulad/

${OULAD_SOURCE}`,
    )
    .action(async (folder: string, given: Flags) => {
      const config = loadConfig();
      const files = await ouladFiles(folder);
      end(
        await withMigratedDatabase(config, database =>
          reported(more => importOulad(database, files, { ...flagsOf(given), ...more })),
        ),
      );
    });
  addImportDatabase(command, end);
  command.addHelpText(
    'after',
    '\nExamples:\n  $ rollcall import enrollments autumn.csv\n  $ rollcall import oulad oulad/',
  );
}

interface Flags {
  readonly strict?: boolean;
  readonly dryRun?: boolean;
}

interface EnrollmentFlags extends Flags, GivenFileOptions {
  readonly from?: string;
  readonly matchCourses?: 'id' | 'title';
  readonly matchUsers?: 'id' | 'email';
  readonly courses?: string;
  readonly users?: string;
}

function flagsOf({ strict = false, dryRun = false }: Flags): { strict: boolean; dryRun: boolean } {
  return { strict, dryRun };
}

function columnNames(columns: readonly string[]): string[] {
  return columns.map(name => name.replace('?', ''));
}

async function matchingOf({ matchCourses, matchUsers, courses, users }: EnrollmentFlags): Promise<Matching> {
  return {
    courses: matchCourses,
    users: matchUsers,
    courseNames: courses === undefined ? undefined : await nameTable(await fileSource(courses), 'course'),
    userNames: users === undefined ? undefined : await nameTable(await fileSource(users), 'user'),
  };
}

/**
 * Runs an import with progress, reports bad rows and the result, and stops after the current batch on SIGINT or SIGTERM.
 */
async function reported(work: (options: ImportOptions) => Promise<ImportResult>): Promise<ExitCode> {
  const display = await showProgress('import');
  const stop = interruption(() => tell('Stopping after this batch; a second signal stops at once.\n'));
  const notes = new Set<string>();
  try {
    const result = await work({
      onProgress: display.onProgress,
      onNote(note) {
        // A strict import reads twice.
        if (!notes.has(note)) tell(`${note}\n`);
        notes.add(note);
      },
      onBadRow: ({ file, line, code, message }) => tell(`${file}:${line}: ${code}: ${message}\n`),
      signal: stop.signal,
    });
    display.finish();
    print(`${importSummary(result)}\n`);
    return result.outcome !== 'interrupted' && result.bad === 0 ? ExitCode.clean : ExitCode.failure;
  } finally {
    display.finish();
    stop.stop();
  }
}

/** Returns the result in words: what was done, and what to do next if something is left. */
export function importSummary({
  rows,
  added,
  changed = 0,
  removed = 0,
  skipped = 0,
  alreadyThere,
  bad,
  outcome,
}: ImportResult): string {
  if (outcome === 'refused')
    return `Nothing was written: ${grouped(bad)} of ${grouped(rows)} rows are bad. Correct them, or omit --strict to import the others.`;
  const would = outcome === 'rehearsed' ? 'would be ' : '';
  const counts = [
    `${grouped(added)} ${would}added`,
    ...(changed > 0 ? [`${grouped(changed)} ${would}changed`] : []),
    ...(removed > 0 ? [`${grouped(removed)} ${would}removed`] : []),
    `${grouped(alreadyThere)} already there`,
    ...(skipped > 0 ? [`${grouped(skipped)} skipped`] : []),
    `${grouped(bad)} bad`,
  ].join(', ');
  if (outcome === 'rehearsed') return `Dry run of ${grouped(rows)} rows: ${counts}. Nothing was written.`;
  if (outcome === 'interrupted')
    return `Stopped after ${grouped(rows)} rows: ${counts}. Run the same command again to continue.`;
  return `${grouped(rows)} rows: ${counts}.${bad > 0 ? ' Correct the bad rows and run the same command again.' : ''}`;
}
