import type { DatabaseMap } from '../../map/map-form.js';
import { ADDED_PREFIX } from '../../map/mapped-table.js';
import type { MigrationEntry } from '../../migrations/migration-entry.js';
import { quotedName } from '../../migrations/sql-names.js';
import { dialectOf, type Database } from '../dialects/dialect.js';
import type { AddedIndex } from '../dialects/adoption-rules.js';
import type { FoundTable, FoundTables } from '../schema/found-table.js';
import { findTables } from '../schema/found-tables.js';
import { findSchema } from '../schema/own-schema.js';
import { keyOf, plannedBy, readJournal, type Addition, type Journal, type PlannedNames } from './journal.js';
import { ownAlterations } from './own-alterations.js';
import { baseline, ownMigrations, ownTables } from './own-tables.js';
import { changeOfMap, refusalOfTables } from './change-of-map.js';
import { wantedOwnTables, wantedTables, type WantedOwnTable, type WantedTable } from './wanted.js';

/** What is to be added to another application's database, and what stands in the way. */
export interface AdoptionPlan {
  readonly map: DatabaseMap;
  /** The journal of an adoption that was done or begun before; null: this is the first. */
  readonly journal: Journal | null;
  readonly additions: readonly Addition[];
  /** What is not as it should be, but is kept. */
  readonly remarks: readonly string[];
  /** What can go wrong while it is added, with the way out. */
  readonly risks: readonly string[];
  /** What stands in the way; nothing may be changed if there is any. */
  readonly refusals: readonly string[];
}

/**
 * Compares what a database has with what it needs, and returns what is to be added. It changes nothing. The same is done
 * for a database that was adopted before: what a later version needs is added in the same way.
 */
export async function planAdoption(database: Database, map: DatabaseMap, now = new Date()): Promise<AdoptionPlan> {
  const em = database.em.fork();
  const journal = await readJournal(em);
  const refusal = refusalOfTables(journal, map);
  if (refusal !== null) return { map, journal, additions: [], remarks: [], risks: [], refusals: [refusal] };
  const tables = await findTables(database);
  const wanted = wantedTables(database, map, tables, now);
  const planned = plannedBy(journal);
  const unusable = new Set(await dialectOf(database).adoption.brokenIndexes(database.em));
  const parts = await Promise.all(
    wanted.map(async one => {
      const isAmbiguous = await hasDuplicates(database, one);
      const { additions, refusals } = additionsTo(database, one, planned, unusable, { isOurs: false, isAmbiguous });
      return {
        additions,
        remarks: [
          ...one.remarks,
          ...(isAmbiguous
            ? [`${one.found.name} gets no unique key, because students are in a course several times.`]
            : []),
        ],
        refusals: [...one.refusals, ...refusals],
      };
    }),
  );
  const schema = await findSchema(database);
  const ours = ownMigrations(database);
  const made = ours.flatMap(entry =>
    entry.tables
      .map(({ name }) => name)
      .filter(name => tables.has(name) && planned.has(keyOf('tables', entry.name, name))),
  );
  const own = wantedOwnTables(database, made, tables, now).map(one =>
    additionsTo(database, one, planned, unusable, { isOurs: true, isAmbiguous: false }),
  );
  const change = changeOfMap(database, journal, map, wanted, tables, now);
  return {
    map,
    journal,
    additions: [
      ...(await preparations(database, planned)),
      ...parts.flatMap(({ additions }) => additions),
      ...(await ownTables(database, map, ours, tables, planned)),
      ...own.flatMap(({ additions }) => additions),
      ...(await ownAlterations(database, schema, planned)),
      ...baseline(database, schema, planned),
      // The last, because the journal forgets them.
      ...change.additions,
    ],
    remarks: parts.flatMap(({ remarks }) => remarks),
    risks: await risksOf(database, [...parts.flatMap(({ additions }) => additions), ...change.additions]),
    refusals: [
      ...change.refusals,
      ...[...parts, ...own].flatMap(({ refusals }) => refusals),
      ...foreignNames(database, wanted, tables, ours, planned, journal),
    ],
  };
}

async function risksOf(database: Database, additions: readonly Addition[]): Promise<string[]> {
  // A change of the map makes indexes of its columns anew.
  const tables = additions.filter(({ kind }) => kind === 'indexes' || kind === 'changes').map(({ object }) => object);
  if (tables.length === 0) return [];
  const risk = await dialectOf(database).adoption.riskOfIndexes(database.em.fork(), [...new Set(tables)]);
  return risk === null ? [] : [risk];
}

async function preparations(database: Database, planned: PlannedNames): Promise<Addition[]> {
  const em = database.em.fork();
  const additions: Addition[] = [];
  for (const { object, sql, reverse, exists } of dialectOf(database).adoption.preparation) {
    if (planned.has(keyOf('preparation', object, object)) || (await exists(em))) continue;
    additions.push({ kind: 'preparation', object, names: [object], statements: [sql], reverse: [reverse] });
  }
  return additions;
}

/** Returns what is added to one table: its columns, and then its indexes. */
function additionsTo(
  database: Database,
  { found, columns, indexes }: WantedOwnTable,
  planned: PlannedNames,
  unusable: ReadonlySet<string>,
  { isOurs, isAmbiguous }: { readonly isOurs: boolean; readonly isAmbiguous: boolean },
): Pick<AdoptionPlan, 'additions' | 'refusals'> {
  const { adoption } = dialectOf(database);
  const quoted = (name: string): string => quotedName(database.em, name);
  const table = quoted(found.name);
  const missing = columns.filter(
    ({ name, definition }) =>
      definition !== null && !found.columns.has(name) && !planned.has(keyOf('columns', found.name, name)),
  );
  const groups = adoption.addsColumnsTogether ? (missing.length > 0 ? [missing] : []) : missing.map(one => [one]);
  const wanted = indexes.map(index => (index.isUnique && isAmbiguous ? { ...index, isUnique: false } : index));
  const missingIndexes = wanted.filter(
    index =>
      !planned.has(keyOf('indexes', found.name, index.name)) && !isThere(index, found, adoption.namesIndexes, unusable),
  );
  const taken = missingIndexes.filter(
    ({ name }) => found.indexes.some(index => index.name === name) && !unusable.has(name),
  );
  const additions = [
    ...groups.map((group): Addition => ({
      kind: 'columns',
      object: found.name,
      names: group.map(({ name }) => name),
      statements: [
        `alter table ${table} ${group.map(({ name, definition }) => `add column ${quoted(name)} ${definition}${isOurs ? '' : adoption.columnOption}`).join(', ')}`,
      ],
      reverse: [`alter table ${table} ${group.map(({ name }) => `drop column ${quoted(name)}`).join(', ')}`],
    })),
    ...missing
      .filter(({ laterDefault }) => laterDefault !== null)
      .map(({ name, laterDefault }): Addition => ({
        kind: 'default',
        object: found.name,
        names: [name],
        statements: [`alter table ${table} alter column ${quoted(name)} set default ${laterDefault}`],
        reverse: [],
      })),
    ...(isOurs ? [] : keptIndexes(database, found, missingIndexes, planned)),
    ...missingIndexes.map((index): Addition => ({
      kind: 'indexes',
      object: found.name,
      names: [index.name],
      statements: [adoption.addIndex(index, quoted)],
      reverse: adoption.dropIndexes(found.name, [index.name], quoted),
    })),
  ];
  return {
    additions,
    refusals: taken.map(
      ({ name, columns: wantedColumns }) =>
        `${found.name} has an index ${name} with other columns than ${wantedColumns.join(', ')}. Give it another name: Rollcall's queries name theirs.`,
    ),
  };
}

/** Returns whether a table has an index, or one that serves as well. */
function isThere(wanted: AddedIndex, { indexes }: FoundTable, byName: boolean, unusable: ReadonlySet<string>): boolean {
  return indexes.some(
    ({ name, columns, isUnique }) =>
      !unusable.has(name) &&
      columns.join('\0') === wanted.columns.join('\0') &&
      (name === wanted.name || (!byName && (isUnique || !wanted.isUnique))),
  );
}

/**
 * Returns what keeps the indexes of foreign keys. A server that has made one for a key by itself drops it when another
 * index can serve the key, unless somebody has named it.
 */
function keptIndexes(
  database: Database,
  found: FoundTable,
  added: readonly AddedIndex[],
  planned: PlannedNames,
): Addition[] {
  if (!dialectOf(database).adoption.dropsIndexesOfKeys || added.length === 0) return [];
  const names = found.references
    .flatMap(({ columns }) =>
      found.indexes.filter(index => !index.isUnique && index.columns.join('\0') === columns.join('\0')),
    )
    .map(({ name }) => name)
    .filter(name => !name.startsWith(ADDED_PREFIX) && !planned.has(keyOf('kept indexes', found.name, name)));
  if (names.length === 0) return [];
  const quoted = (name: string): string => quotedName(database.em, name);
  const rename = (pairs: readonly (readonly [string, string])[]): string =>
    `alter table ${quoted(found.name)} ${pairs.map(([from, to]) => `rename index ${quoted(from)} to ${quoted(to)}`).join(', ')}`;
  const pairs = names.map((name, index) => [name, heldName(index)] as const);
  return [
    {
      kind: 'kept indexes',
      object: found.name,
      names,
      statements: [rename(pairs), rename(pairs.map(([from, to]) => [to, from]))],
      reverse: [],
    },
  ];
}

/** Returns the name that an index has between its two renames. */
export function heldName(index: number): string {
  return `${ADDED_PREFIX}held_${index}`;
}

async function hasDuplicates(database: Database, { indexes, found }: WantedTable): Promise<boolean> {
  const quoted = (name: string): string => quotedName(database.em, name);
  for (const { columns, isUnique } of indexes) {
    if (!isUnique) continue;
    const names = columns.map(quoted).join(', ');
    const rows = await database.em
      .fork()
      .execute<unknown[]>(
        `select 1 from ${quoted(found.name)} where ${columns.map(name => `${quoted(name)} is not null`).join(' and ')} group by ${names} having count(*) > 1 limit 1`,
      );
    if (rows.length > 0) return true;
  }
  return false;
}

/** Returns the things with names of ours that no adoption of ours has made. */
function foreignNames(
  database: Database,
  wanted: readonly WantedTable[],
  tables: FoundTables,
  ours: readonly MigrationEntry[],
  planned: PlannedNames,
  journal: Journal | null,
): string[] {
  const { tableName = '' } = database.config.get('migrations');
  const columns = wanted.flatMap(({ found }) =>
    [...found.columns.keys()]
      .filter(name => name.startsWith(ADDED_PREFIX) && !planned.has(keyOf('columns', found.name, name)))
      .map(name => `the column ${found.name}.${name}`),
  );
  const names = [
    ...ours.flatMap(entry =>
      entry.tables.filter(({ name }) => !planned.has(keyOf('tables', entry.name, name))).map(({ name }) => name),
    ),
    ...(journal === null ? [tableName] : []),
  ].filter(name => tables.has(name));
  return [...columns, ...names.map(name => `the table ${name}`)].map(
    thing => `The database has ${thing}, which this adoption did not make. Drop or rename it.`,
  );
}
