import { shownKey } from '../../entities/index.js';
import type { Command } from 'commander';
import { loadConfig } from '../../config/config.js';
import type { Database } from '../../database/database.js';
import type { BackupComparison, CountToRestore, SomeIds } from '../../tools/backup/compare-backup.js';
import { checkBackup, restoreCounts, type CheckedBackup, type Restored } from '../../tools/backup/restore-counts.js';
import { fileSource, type Source } from '../../tools/import/source.js';
import { operator } from '../../access/viewer.js';
import { ExitCode } from '../output/exit-code.js';
import { quantity, grouped } from '../../tools/words.js';
import { interruption } from '../input/interruption.js';
import { print, tell } from '../output/terminal.js';
import { showProgress } from '../output/progress.js';
import { headingOf, lineOf, type Column } from '../output/table.js';
import { withExistingDatabase } from '../database/with-database.js';

const restoreColumns: readonly Column[] = [
  { title: 'id', width: 8, number: true },
  { title: 'title', width: 36 },
  { title: 'counter', width: 24 },
  { title: 'stored', width: 8, number: true },
  { title: 'backup', width: 8, number: true },
  { title: 'actual', width: 8, number: true },
];

/** Adds `restore`. */
export function addRestore(program: Command, end: (code: ExitCode) => void): void {
  program
    .command('restore')
    .description(
      'Sets the stored counts back to those of a file that "rollcall backup" wrote. Courses whose enrollments have changed since then do not match them afterwards: exit code 3.',
    )
    .argument('<file>', 'the backup')
    .option('--dry-run', 'check the file, show what would change, and change nothing')
    .addHelpText('after', help)
    .action(async (path: string, { dryRun = false }: { dryRun?: boolean }) => {
      const config = loadConfig();
      const source = await fileSource(path);
      end(await withExistingDatabase(config, database => restore(database, source, dryRun)));
    });
}

async function restore(database: Database, source: Source, dryRun: boolean): Promise<ExitCode> {
  const checked = await checkBackup(database, operator, source, tableOf());
  print(introductionOf(source, checked));
  const { changes, drifting } = checked.comparison;
  if (dryRun) return reportRestore(`Dry run: ${countsOf(checked.comparison)} would change.`, drifting, 'would');
  if (changes === 0) return reportRestore('There is nothing to restore: all counts equal those of the file.', drifting);
  return write(database, source, checked.header.courses);
}

async function write(database: Database, source: Source, total: number): Promise<ExitCode> {
  const display = await showProgress('restore', { unit: 'courses', quiet: true });
  const stop = interruption(() => tell('Stopping after this transaction.\n'));
  let reached: Restored | null = null;
  try {
    const restored = await restoreCounts(database, operator, source, {
      signal: stop.signal,
      onRestored(soFar) {
        reached = soFar;
        display.onProgress({ done: soFar.done, total, rows: soFar.done });
      },
    });
    display.finish();
    if (restored.outcome === 'finished') return reportRestore(`Restored ${countsOf(restored)}.`, restored.drifting);
    print(restored.lastId === null ? 'Nothing was changed.\n' : `Interrupted. ${standing(restored)}`);
    return ExitCode.failure;
  } catch (error) {
    display.finish();
    if (reached) tell(standing(reached));
    throw error;
  } finally {
    stop.stop();
  }
}

/** Returns the words for what a restore that did not finish has done, and how to go on. */
function standing(restored: Restored): string {
  return `Restored ${countsOf(restored)}, up to course ${restored.lastId === null ? 'none' : shownKey(restored.lastId)}. Run the command again to restore the rest.\n`;
}

/** Returns what prints changes as they are found, as one table. */
function tableOf(): (changes: readonly CountToRestore[]) => void {
  let begun = false;
  return changes => {
    if (changes.length === 0) return;
    const heading = begun ? [] : [headingOf(restoreColumns)];
    begun = true;
    const lines = changes.map(one =>
      lineOf(restoreColumns, [
        String(shownKey(one.courseId)),
        one.title,
        one.counter,
        String(one.stored),
        String(one.backup),
        String(one.actual),
      ]),
    );
    print(`${[...heading, ...lines].join('\n')}\n`);
  };
}

function introductionOf({ name }: Source, { header, comparison }: CheckedBackup): string {
  const { unknown, missing, changes } = comparison;
  const lines = [
    `${name} has the counts of ${quantity(header.courses, 'course')} on ${header.database} at ${header.at}.`,
  ];
  if (unknown.count > 0) lines.push(`Skipped, because the database does not have them: ${idList(unknown)}.`);
  if (missing.count > 0) lines.push(`Not in the file, and left unchanged: ${idList(missing)}.`);
  return `${changes > 0 ? '\n' : ''}${lines.join('\n')}\n`;
}

function idList({ count, first }: SomeIds): string {
  const others = count - first.length;
  return `${quantity(count, 'course')} (${first.join(', ')}${others > 0 ? ` and ${grouped(others)} more` : ''})`;
}

function countsOf({ changes, changedCourses }: Pick<BackupComparison, 'changes' | 'changedCourses'>): string {
  return `${quantity(changes, 'count')} of ${quantity(changedCourses, 'course')}`;
}

/** Prints the outcome, and what to do about drift. */
function reportRestore(outcome: string, drifting: number, verb = drifting === 1 ? 'does' : 'do'): ExitCode {
  const drift = `With the file's numbers ${quantity(drifting, 'count')} ${verb} not match the enrollments. "rollcall verify" lists them, "rollcall recount" repairs them.`;
  print(`${outcome}\n${drifting > 0 ? `${drift}\n` : ''}`);
  return drifting > 0 ? ExitCode.drift : ExitCode.clean;
}

const help = `
Examples:
  $ rollcall restore --dry-run counts.jsonl
  $ rollcall restore counts.jsonl

The whole file is checked before anything is written: format, checksum, counters. Then the counts that differ are set
under the courses' locks, at most 500 courses in a transaction: other writers wait for these courses only, and not for
long. If it is interrupted, each course has its former counts or those of the file; run it again to finish.
A restored count is an old number. If enrollments have changed since the backup it is wrong, and stays wrong by the
same amount until a recount. So restore only what a recount cannot repair, and back up the current counts first.

Exit codes: 0 the counts equal those of the file and match the enrollments, 3 some do not match (with --dry-run: would
not), 1 not finished: the file is incomplete or of another schema, and nothing was changed; or the restore was
interrupted or the database failed, and it says how far it came; 2 usage.`;
