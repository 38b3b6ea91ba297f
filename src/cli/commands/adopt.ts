import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { existingTriggers, removeTriggers, triggerStatus } from 'mikro-orm-counters';
import { loadConfig, type Config } from '../../config/config.js';
import { adopt, undoAdoption } from '../../database/adoption/adopt.js';
import type { AdoptionPlan } from '../../database/adoption/plan.js';
import { dialectOf } from '../../database/database.js';
import { checkDatabase } from '../../tools/adopt/check/check-database.js';
import { guessedMap, loadMap, type LoadedMap, type MapPlace } from '../../tools/adopt/map/load-map.js';
import type { Examined } from '../../tools/adopt/check/examined.js';
import { keptValues } from '../../tools/adopt/place/kept-values.js';
import { examinedPlan } from '../../tools/adopt/place/refusals.js';
import { quantity } from '../../tools/words.js';
import { mapParts, type DatabaseMap } from '../../map/map-form.js';
import type { NamedFinding } from '../../tools/doctor/finding.js';
import {
  journalOf,
  removalsFrom,
  tellingSteps,
  withAdoptedDatabase,
  withDatabaseToAdopt,
} from '../database/adopted.js';
import { theirPlace, withTheirDatabase } from '../database/with-their-database.js';
import { CommandError } from '../failures/command-error.js';
import { ExitCode } from '../output/exit-code.js';
import { printable } from '../output/printable.js';
import { print, printWhole, tell } from '../output/terminal.js';
import { additionLines, removalLines, shownAddition, type ShownAddition } from '../reports/adoption-plan.js';
import { findingDocument, findingLines, findingTotals } from '../reports/findings.js';
import { fillCounts } from '../runs/fill-counts.js';

interface AdoptOptions {
  readonly check?: boolean;
  readonly undo?: boolean;
  readonly yes?: boolean;
  readonly from?: string;
  readonly map?: string;
  readonly writeMap?: boolean;
  readonly json?: boolean;
}

/** Adds `adopt`. */
export function addAdopt(program: Command, end: (code: ExitCode) => void): void {
  program
    .command('adopt')
    .description(
      'Opens the database of another application, such as a Django app, in place: shows the SQL of what is to be added, and adds it with --yes. Changes no row and no column of theirs. With --check, examines the database only.',
    )
    .option('--check', 'examine and report: what is where, and what "import database" would do with each row')
    .option('--yes', 'do what the plan says')
    .option('--undo', 'take away everything that was added, and triggers; shows what that is, and does it with --yes')
    .option('--from <url>', 'the database to check, without the password; DATABASE_URL if left out')
    .option('--map <file>', 'the map of the database; ROLLCALL_MAP if left out, and a guess if there is no such file')
    .option('--write-map', 'with --check: write the guessed map into that file, to be corrected by hand')
    .option('--json', 'print one JSON document')
    .addHelpText('after', help)
    .action(async ({ check, undo, yes, from, map, writeMap, json = false }: AdoptOptions, command: Command) => {
      if (check && (undo || yes)) command.error('--check changes nothing: leave out --undo and --yes');
      if (!check && (from !== undefined || writeMap))
        command.error('--from and --write-map belong to --check; the database that is opened in place is DATABASE_URL');
      const config = loadConfig();
      const place = { path: map ?? config.map, isNamed: map !== undefined && !writeMap };
      if (undo) return end(await undone(config, { isConfirmed: yes === true, json }));
      if (!check) return end(await (yes ? adopted(config, place) : planned(config, place, json)));
      const theirs =
        from === undefined
          ? { url: config.databaseUrl, setting: 'DATABASE_URL' as const }
          : await theirPlace(from, config.fromPassword);
      return end(await checked(theirs, place, { writesMap: writeMap === true, json }));
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

/** Shows what opening the configured database in place would add. */
function planned({ databaseUrl: url }: Config, place: MapPlace, json: boolean): Promise<ExitCode> {
  return withTheirDatabase({ url, setting: 'DATABASE_URL' }, async (theirs, tables) => {
    const { map, path } = await loadMap(place, theirs, tables);
    const examined = { theirs, tables, map };
    const { plan, refusals } = await examinedPlan(examined);
    const additions = plan === null ? [] : await shownAdditions(examined, plan);
    const remarks = [
      ...(plan?.risks ?? []),
      ...(plan?.remarks ?? []),
      ...(plan === null ? [] : await keptValues(examined)),
    ];
    if (json) {
      await printWhole(`${JSON.stringify({ mapFile: path, map, additions, remarks, refusals }, null, 2)}\n`);
      return refusals.length > 0 ? ExitCode.failure : ExitCode.clean;
    }
    print(path === null ? `There is no map ${place.path}; this is a guess.\n\n` : `By the map ${path}.\n\n`);
    for (const [index, addition] of additions.entries()) print(additionLines(addition, index + 1));
    for (const remark of remarks) print(`remark  ${printable(remark)}\n`);
    for (const refusal of refusals) print(`refused ${printable(refusal)}\n`);
    await printWhole(
      refusals.length > 0
        ? `\nNothing was changed. It cannot be done: ${quantity(refusals.length, 'reason')}.\n`
        : additions.length === 0
          ? '\nNothing is to be added.\n'
          : `\n${quantity(additions.length, 'addition')}. Nothing was changed; add --yes to do it.\n`,
    );
    return refusals.length > 0 ? ExitCode.failure : ExitCode.clean;
  });
}

async function shownAdditions({ theirs, map }: Examined, plan: AdoptionPlan): Promise<ShownAddition[]> {
  const rows = new Map<string, number>();
  for (const part of mapParts) rows.set(map[part].table, await theirs.count(map[part].table));
  const { effect } = dialectOf(theirs.database).adoption;
  const pending = (plan.journal?.entries ?? []).filter(({ isDone }) => !isDone);
  return [...pending, ...plan.additions].map(addition => shownAddition(addition, effect, rows));
}

/** Adds to the configured database what it needs, and fills the counts. */
async function adopted(config: Config, place: MapPlace): Promise<ExitCode> {
  const { databaseUrl: url } = config;
  const map = await withTheirDatabase({ url, setting: 'DATABASE_URL' }, async (theirs, tables) => {
    const loaded = await loadMap(place, theirs, tables);
    if (loaded.path === null)
      throw new CommandError(
        `There is no map ${place.path}, and the server needs one. Write it with "rollcall adopt --check --write-map", and correct it by hand.`,
      );
    const { plan, refusals } = await examinedPlan({ theirs, tables, map: loaded.map });
    if (refusals.length > 0) throw new CommandError(`Nothing was changed.\n${refusals.join('\n')}`);
    for (const risk of plan?.risks ?? []) tell(`remark: ${printable(risk)}\n`);
    if (plan?.journal && plan.additions.some(({ kind }) => kind === 'changes'))
      await requireNoTriggers(config, plan.journal.map);
    return loaded.map;
  });
  const steps = await withDatabaseToAdopt(url, database => adopt(database, { map }, tellingSteps('adding')));
  print(steps === 0 ? 'Nothing was to be added.\n' : `${quantity(steps, 'addition')} done.\n`);
  return fillCounts(config, map, 'adopt');
}

/** Shows what an undo takes away, and takes it away if that is confirmed. */
async function undone(
  config: Config,
  { isConfirmed, json }: { isConfirmed: boolean; json: boolean },
): Promise<ExitCode> {
  const { databaseUrl: url } = config;
  const journal = await journalOf(url);
  if (journal === null) throw new CommandError('The database was not adopted, so there is nothing to undo.');
  // An undo that was interrupted has dropped what triggers need, and them before.
  const isWhole = journal.entries.length === (journal.entries.at(-1)?.number ?? 0);
  const triggers = isWhole ? await countingTriggers(config, journal.map) : [];
  if (!isConfirmed) {
    const removals = await removalsFrom(url);
    const shown = [
      ...(triggers.length === 0 ? [] : [{ kind: 'triggers', object: '', names: triggers, statements: [] }]),
      ...removals.map(({ kind, object, names, reverse }) => ({ kind, object, names, statements: reverse })),
    ];
    await printWhole(
      json
        ? `${JSON.stringify({ map: journal.map, removals: shown }, null, 2)}\n`
        : `${removalLines(triggers, removals)}\nThe history of the runs is lost, and what was written into columns of Rollcall's own. Nothing was changed; stop Rollcall, and add --yes to do it.\n`,
    );
    return ExitCode.clean;
  }
  if (triggers.length > 0) {
    tell(`dropping the triggers ${printable(triggers.join(', '))}\n`);
    await withAdoptedDatabase(config, journal.map, database => removeTriggers(database.em));
  }
  const steps = await withDatabaseToAdopt(url, database => undoAdoption(database, tellingSteps('dropping')));
  print(
    `${triggers.length === 0 ? '' : `${quantity(triggers.length, 'trigger')} and `}${quantity(steps, 'addition')} taken away. The database is as it was before.\n`,
  );
  return ExitCode.clean;
}

/** Returns the names of the triggers that count in an adopted database. Errors: CommandError. */
function countingTriggers(config: Config, map: DatabaseMap): Promise<string[]> {
  return withAdoptedDatabase(config, map, async database => existingTriggers(await triggerStatus(database.em)));
}

/** Requires that no triggers count by the columns that are to be changed. Errors: CommandError. */
async function requireNoTriggers(config: Config, map: DatabaseMap): Promise<void> {
  const counting = await countingTriggers(config, map);
  if (counting.length > 0)
    throw new CommandError(
      `Triggers count in this database: ${counting.join(', ')}. Nothing was changed. Go back to hooks first: restart each server with COUNTERS=switching, then run "rollcall counters use hooks".`,
    );
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
  $ rollcall adopt
  $ rollcall adopt --yes
  $ rollcall adopt --undo --yes
  $ rollcall adopt --check --from mysql://reader@db.school.example/django
  $ rollcall adopt --check --from mysql://reader@db.school.example/django --write-map
  $ rollcall adopt --check --json | jq '.checks[] | select(.status != "ok")'

The plan adds columns, indexes and tables with names of Rollcall's, each shown with the statement that takes it away
and what it locks. --yes runs it, and goes on where an interruption ended it; the table rollcall_adoption records what
was added. Then a recount fills the counts.

What --check examines:
  tables      where the users, courses and enrollments are, and the number of their rows
  columns     which column each field comes from
  types       that keys, moments and numbers can be read from these columns
  keys        that each id belongs to one row
  missing     the fields for which there is no column, and what a copy writes instead
  indexes     the indexes of our lists and counts that the tables lack
  required    the columns that must be filled, and that a copy leaves behind
  names       the names by which a database can be copied, but not opened in place
  unique      that a student can be in a course once, and that an email belongs to one user
  cascades    the foreign keys that change rows when others are deleted
  triggers    the triggers on these tables
  children    the other tables that refer to these
  texts       the collations by which emails and titles are compared
  ids         the highest keys, and those that cannot be copied
  fields      the texts, moments and numbers that a copy rejects: empty, too long, or none at all
  values      the roles and statuses with their numbers, and those that the map does not name
  duplicates  the students who are in a course several times
  references  the rows that refer to rows which do not exist
  emails      the users without an email, and those who share one
  inactive    the users who may no longer sign in
  deleted     the rows that are marked as deleted, and kept
  counts      the stored counts that do not equal the rows

Exit codes: 0 done, or nothing failed (there may be warnings), 1 refused or something failed, 2 usage.`;
