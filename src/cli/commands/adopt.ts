import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { loadConfig } from '../../config/config.js';
import { checkDatabase } from '../../tools/adopt/check/check-database.js';
import { guessedMap, loadMap, type LoadedMap, type MapPlace } from '../../tools/adopt/map/load-map.js';
import type { DatabaseMap } from '../../map/map-form.js';
import type { NamedFinding } from '../../tools/doctor/finding.js';
import { theirPlace, withTheirDatabase } from '../database/with-their-database.js';
import { CommandError } from '../failures/command-error.js';
import { ExitCode } from '../output/exit-code.js';
import { print, printWhole, tell } from '../output/terminal.js';
import { findingDocument, findingLines, findingTotals } from '../reports/findings.js';

interface AdoptOptions {
  readonly check?: boolean;
  readonly from?: string;
  readonly map?: string;
  readonly writeMap?: boolean;
  readonly json?: boolean;
}

/** Adds `adopt --check`. */
export function addAdopt(program: Command, end: (code: ExitCode) => void): void {
  program
    .command('adopt')
    .description(
      'Examines the database of another application, such as a Django app: where it has users, courses and enrollments, and what "import database" would do with each row. Changes nothing.',
    )
    .option('--check', 'examine and report; needed, for nothing else is done yet')
    .option('--from <url>', 'the database, without the password; DATABASE_URL if left out')
    .option('--map <file>', 'the map of the database; ROLLCALL_MAP if left out, and a guess if there is no such file')
    .option('--write-map', 'write the guessed map into that file, to be corrected by hand')
    .option('--json', 'print one JSON document')
    .addHelpText('after', help)
    .action(async ({ check, from, map, writeMap, json = false }: AdoptOptions, command: Command) => {
      if (!check) command.error('adopt examines only: give --check. "rollcall import database" copies the rows');
      const config = loadConfig();
      const theirs =
        from === undefined
          ? { url: config.databaseUrl, setting: 'DATABASE_URL' as const }
          : await theirPlace(from, config.fromPassword);
      const place = { path: map ?? config.map, isNamed: map !== undefined && !writeMap };
      end(await checked(theirs, place, { writesMap: writeMap === true, json }));
    });
}

async function checked(
  database: Parameters<typeof withTheirDatabase>[0],
  place: MapPlace,
  { writesMap, json }: { writesMap: boolean; json: boolean },
): Promise<ExitCode> {
  return withTheirDatabase(database, async (theirs, tables) => {
    const { map, path } = writesMap
      ? await writtenMap(place.path, await guessedMap(theirs, tables))
      : await loadMap(place, theirs, tables);
    if (!json)
      print(
        path === null
          ? `There is no map ${place.path}; this is a guess. Keep it with --write-map.\n\n`
          : `By the map ${path}.\n\n`,
      );
    const findings: NamedFinding[] = [];
    for await (const finding of checkDatabase({ theirs, tables, map })) {
      findings.push(finding);
      if (!json) print(findingLines(finding));
    }
    await printWhole(
      json
        ? `${JSON.stringify({ mapFile: path, map, ...findingDocument(findings) }, null, 2)}\n`
        : `\n${findingTotals(findings)} Nothing was changed.\n`,
    );
    return findings.some(({ status }) => status === 'failed') ? ExitCode.failure : ExitCode.clean;
  });
}

/** Writes a map into a new file. Errors: CommandError if there is one. */
async function writtenMap(path: string, map: DatabaseMap): Promise<LoadedMap> {
  try {
    await writeFile(path, `${JSON.stringify(map, null, 2)}\n`, { flag: 'wx' });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError(
      code === 'EEXIST'
        ? `${path} exists already, and may have been corrected by hand. Name another file with --map, or remove that one.`
        : `${path} cannot be written (${code}). Name another file with --map.`,
      { cause: error },
    );
  }
  tell(`Wrote the guessed map ${path}. Correct it by hand, and check again without --write-map.\n`);
  return { map, path };
}

const help = `
Examples:
  $ rollcall adopt --check --from mysql://reader@db.school.example/django
  $ rollcall adopt --check --from mysql://reader@db.school.example/django --write-map
  $ rollcall adopt --check --json | jq '.checks[] | select(.status != "ok")'

What it examines:
  tables      where the users, courses and enrollments are, and the number of their rows
  columns     which column each field comes from
  types       that keys, moments and numbers can be read from these columns
  keys        that each id belongs to one row
  missing     the fields for which there is no column, and what a copy writes instead
  required    the columns that must be filled, and that a copy leaves behind
  unique      that a student can be in a course once, and that an email belongs to one user
  cascades    the foreign keys that change rows when others are deleted
  triggers    the triggers on these tables
  children    the other tables that refer to these
  texts       the collations by which emails and titles are compared
  ids         the highest keys, and those that cannot be copied
  values      the roles and statuses with their numbers, and those that the map does not name
  duplicates  the students who are in a course several times
  references  the rows that refer to rows which do not exist
  emails      the users without an email, and those who share one
  inactive    the users who may no longer sign in
  counts      the stored counts that do not equal the rows

Exit codes: 0 nothing failed (there may be warnings), 1 something failed, 2 usage.`;
