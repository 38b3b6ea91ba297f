import type { Command } from 'commander';
import { loadConfig } from '../../config/config.js';
import type { Database } from '../../database/database.js';
import type { DatabaseMap, MapPart } from '../../map/map-form.js';
import { refusalsOf } from '../../tools/adopt/check/check-database.js';
import { numberKeys, type CopiedKeys } from '../../tools/adopt/copy/copied-keys.js';
import { copyDatabase, type CopyRemark, type CopyResult } from '../../tools/adopt/copy/copy-database.js';
import { NumberedKeys } from '../../tools/adopt/copy/numbered-keys.js';
import { partsWithTextKeys } from '../../tools/adopt/found/key-kinds.js';
import { loadMap } from '../../tools/adopt/map/load-map.js';
import { withMigratedDatabase } from '../database/with-database.js';
import { theirPlace, withTheirDatabase } from '../database/with-their-database.js';
import { CommandError } from '../failures/command-error.js';
import { interruption } from '../input/interruption.js';
import { ExitCode } from '../output/exit-code.js';
import { grouped } from '../../tools/words.js';
import { showProgress } from '../output/progress.js';
import { print, tell } from '../output/terminal.js';

/** Adds `import database`. */
export function addImportDatabase(command: Command, end: (code: ExitCode) => void): void {
  command
    .command('database')
    .description(
      "Copies the users, courses and enrollments of another application's database, such as a Django app's, with their ids, or with numbers for ids that are UUIDs or other texts. The other database is only read.",
    )
    .requiredOption('--from <url>', 'the other database, without the password')
    .option('--map <file>', 'the map of that database; ROLLCALL_MAP if left out, and a guess if there is no such file')
    .option(
      '--ids <file>',
      'if ids there are UUIDs or other texts: the file that keeps the number of each; the same for each copy',
    )
    .addHelpText(
      'after',
      `
Examples:
  $ rollcall adopt --check --from mysql://reader@db.school.example/django
  $ rollcall import database --from mysql://reader@db.school.example/django
  $ rollcall import database --from sqlite:db.sqlite3 --map django.map.json 2> not-copied.txt
  $ rollcall import database --from mysql://reader@db.school.example/django --ids django.ids.jsonl`,
    )
    .action(async ({ from, map, ids }: { from: string; map?: string; ids?: string }) => {
      const config = loadConfig();
      const place = await theirPlace(from, config.fromPassword);
      if (place.url === config.databaseUrl)
        throw new CommandError('--from is the database of DATABASE_URL. Copy into a database of its own.');
      end(
        await withTheirDatabase(place, async (theirs, tables) => {
          const loaded = await loadMap({ path: map ?? config.map, isNamed: map !== undefined }, theirs, tables);
          if (loaded.path === null)
            tell(`There is no map ${config.map}; copying by a guess, which "rollcall adopt --check" shows.\n`);
          const refusals = await refusalsOf({ theirs, tables, map: loaded.map });
          if (refusals.length > 0) throw new CommandError(`Nothing was copied. ${refusals.join(' ')}`);
          const texts = partsWithTextKeys(tables, loaded.map);
          requireIds(texts, loaded.map, ids);
          const display = await showProgress('import');
          const stop = interruption(() => tell('Stopping after this batch; a second signal stops at once.\n'));
          try {
            const result = await withMigratedDatabase(config, database =>
              withKeys(ids, database, texts, keys =>
                copyDatabase(theirs, loaded.map, database, {
                  keys,
                  onProgress: display.onProgress,
                  onRejected: remark => tell(lineOf(remark)),
                  onNote: remark => tell(lineOf(remark)),
                  signal: stop.signal,
                }),
              ),
            );
            display.finish();
            print(summaryOf(result));
            const isWhole = Object.values(result.parts).every(({ rejected }) => rejected === 0);
            return result.outcome === 'finished' && isWhole ? ExitCode.clean : ExitCode.failure;
          } finally {
            display.finish();
            stop.stop();
          }
        }),
      );
    });
}

/** Requires a file of ids where keys need numbers, and none where they are numbers. Errors: CommandError. */
function requireIds(texts: readonly MapPart[], map: DatabaseMap, ids: string | undefined): void {
  const named = texts.map(part => `${map[part].table}.${map[part].columns.id}`).join(', ');
  if (texts.length > 0 && ids === undefined)
    throw new CommandError(
      `Nothing was copied. These keys are no numbers: ${named}. Rollcall gives each a number; name the file that keeps these, and that each later copy needs, such as --ids ids.jsonl.`,
    );
  if (texts.length === 0 && ids !== undefined)
    throw new CommandError('Nothing was copied. All keys are numbers, and are copied as they are. Leave out --ids.');
}

/** Calls a function with the numbers of a file, and closes the file whatever happens. */
async function withKeys<Result>(
  ids: string | undefined,
  database: Database,
  texts: readonly MapPart[],
  work: (keys: CopiedKeys) => Promise<Result>,
): Promise<Result> {
  if (ids === undefined) return work(numberKeys);
  const keys = await NumberedKeys.open(ids, database, texts);
  try {
    return await work(keys);
  } finally {
    await keys.close();
  }
}

function lineOf({ table, id, code, message }: CopyRemark): string {
  return `${table} ${id}: ${code}: ${message}\n`;
}

function summaryOf({ parts, outcome }: CopyResult): string {
  const lines = Object.values(parts).map(
    ({ table, rows, added, alreadyThere, rejected }) =>
      `${table}: ${grouped(rows)} rows: ${grouped(added)} added, ${grouped(alreadyThere)} already there, ${grouped(rejected)} rejected.\n`,
  );
  if (outcome === 'interrupted') lines.push('Stopped. Run the same command again to continue.\n');
  else if (Object.values(parts).some(({ rejected }) => rejected > 0))
    lines.push('Correct the rejected rows or the map, and run the same command again.\n');
  return lines.join('');
}
