import { Option, type Command } from 'commander';
import { operator } from '../../access/viewer.js';
import { loadConfig } from '../../config/config.js';
import type { Database } from '../../database/database.js';
import {
  exportedCourses,
  exportedEnrollments,
  exportedUsers,
  type ExportedTable,
} from '../../tools/export/export-pages.js';
import { writeExport } from '../../tools/export/write-export.js';
import { withExistingDatabase } from '../database/with-database.js';
import { interruption } from '../input/interruption.js';
import { ExitCode } from '../output/exit-code.js';
import { grouped } from '../../tools/words.js';
import { showProgress } from '../output/progress.js';
import { printWhole, tell } from '../output/terminal.js';
import { writeWholeFile, type Append } from '../output/whole-file.js';

interface ExportFlags {
  readonly format: 'csv' | 'jsonl';
  readonly output: string;
  readonly force?: boolean;
  readonly formulaGuard: boolean;
  readonly ids?: boolean;
}

/** Adds `export enrollments`, `export courses` and `export users`. */
export function addExport(program: Command, end: (code: ExitCode) => void): void {
  const command = program
    .command('export')
    .description('Writes all rows of a kind as CSV or JSON Lines, as of one moment. "rollcall import" reads them.');
  const add = (name: string, description: string, table: (flags: ExportFlags) => ExportedTable): Command =>
    command
      .command(name)
      .description(description)
      .addOption(
        new Option('--format <format>', 'csv, or jsonl for JSON Lines').choices(['csv', 'jsonl']).default('csv'),
      )
      .option('--output <file>', 'the file to write; - is standard output', '-')
      .option('--force', 'replace the file if it exists already')
      .option(
        '--no-formula-guard',
        'write cells that begin with =, +, - or @ without the apostrophe that keeps a spreadsheet from running them',
      )
      .action(async (flags: ExportFlags) =>
        end(await withExistingDatabase(loadConfig(), database => exported(database, name, table(flags), flags))),
      );
  add(
    'enrollments',
    'Writes the course (title), student (email), status and enrolled_at of all enrollments.',
    ({ ids }) => exportedEnrollments(ids ? 'id' : 'name'),
  ).option('--ids', 'write the ids of courses and students, which another database may have for others');
  add(
    'courses',
    'Writes the title, description, status, is_published, capacity, instructor (email) and created_at of all courses.',
    () => exportedCourses,
  );
  add('users', 'Writes the name, email, role and created_at of all users.', () => exportedUsers);
  command.addHelpText(
    'after',
    `
Examples:
  $ rollcall export users --output users.csv
  $ rollcall export enrollments --format jsonl | gzip > enrollments.jsonl.gz`,
  );
}

async function exported(
  database: Database,
  name: string,
  table: ExportedTable,
  { format, output, force = false, formulaGuard }: ExportFlags,
): Promise<ExitCode> {
  const display = await showProgress('export', { quiet: true });
  const stop = interruption(() => tell(output === '-' ? 'Stopping.\n' : 'Stopping; no file is written.\n'));
  const write = (append: Append): Promise<number | null> =>
    writeExport(database, operator, table, append, {
      format,
      guarded: formulaGuard,
      signal: stop.signal,
      onProgress: display.onProgress,
    });
  try {
    const rows = output === '-' ? await write(printWhole) : await writeWholeFile(output, force, write);
    display.finish();
    if (rows === null) return ExitCode.failure;
    tell(`Exported ${grouped(rows)} ${name}${output === '-' ? '' : ` to ${output}`}.\n`);
    return ExitCode.clean;
  } finally {
    display.finish();
    stop.stop();
  }
}
