import type { Command } from 'commander';
import { loadConfig } from '../../config/config.js';
import type { Database } from '../../database/database.js';
import { writeBackup } from '../../tools/backup/write-backup.js';
import { operator } from '../../access/viewer.js';
import { ExitCode } from '../output/exit-code.js';
import { quantity } from '../../tools/words.js';
import { interruption } from '../input/interruption.js';
import { printWhole, tell } from '../output/terminal.js';
import { showProgress } from '../output/progress.js';
import { writeWholeFile, type Append } from '../output/whole-file.js';
import { withExistingDatabase } from '../database/with-database.js';

/** Adds `backup`. */
export function addBackup(program: Command, end: (code: ExitCode) => void): void {
  program
    .command('backup')
    .description(
      'Writes the ids and stored counts of all courses, as of one moment, to a file that "rollcall restore" reads. Writers do not wait.',
    )
    .argument('<file>', 'the file to write; - is standard output')
    .option('--force', 'replace the file if it exists already')
    .addHelpText('after', help)
    .action(async (path: string, { force = false }: { force?: boolean }) =>
      end(await withExistingDatabase(loadConfig(), database => backup(database, path, force))),
    );
}

async function backup(database: Database, path: string, force: boolean): Promise<ExitCode> {
  const display = await showProgress('backup', { unit: 'courses', quiet: true });
  const stop = interruption(() => tell('Stopping; no file is written.\n'));
  const write = (append: Append): Promise<number | null> =>
    writeBackup(database, operator, append, { signal: stop.signal, onProgress: display.onProgress });
  try {
    const courses = path === '-' ? await write(printWhole) : await writeWholeFile(path, force, write);
    display.finish();
    if (courses === null) return ExitCode.failure;
    tell(`Backed up the counts of ${quantity(courses, 'course')}${path === '-' ? '' : ` to ${path}`}.\n`);
    return ExitCode.clean;
  } finally {
    display.finish();
    stop.stop();
  }
}

const help = `
Examples:
  $ rollcall backup counts.jsonl
  $ rollcall backup - | gzip > counts.jsonl.gz

The file has a header, a line for each course, and a last line with a checksum; it is written as a whole or not at all.
It does not contain courses or enrollments: for those use mysqldump, mariadb-dump, pg_dump, or ".backup" of
sqlite3.`;
