import { isDeepStrictEqual } from 'node:util';
import { mapParts, type DatabaseMap } from '../../map/map-form.js';
import { mappedTable } from '../../map/mapped-table.js';
import { quotedName } from '../../migrations/sql-names.js';
import { dialectOf, type Database } from '../dialects/dialect.js';
import type { AddedIndex } from '../dialects/adoption-rules.js';
import type { FoundTables } from '../schema/found-table.js';
import type { Addition, Journal } from './journal.js';
import { wantedTables, type WantedTable } from './wanted.js';

/** What another map than that of the adoption changes, or why it cannot be followed. */
interface ChangeOfMap {
  readonly additions: readonly Addition[];
  readonly refusals: readonly string[];
}

/** Returns why the tables and keys of a map are not those by which a database was adopted; null: they are. */
export function refusalOfTables(journal: Journal | null, map: DatabaseMap): string | null {
  const others = mapParts.filter(
    part => journal !== null && mappedTable(map, part).keys !== mappedTable(journal.map, part).keys,
  );
  if (others.length > 0)
    return `The database was adopted by a map with other keys for the ${others.join(' and the ')}. Take the adoption back with "rollcall adopt --undo" first.`;
  const moved = mapParts.filter(part => journal !== null && map[part].table !== journal.map[part].table);
  if (moved.length === 0) return null;
  return `The database was adopted by a map with other tables for the ${moved.join(' and the ')}. Take the adoption back with "rollcall adopt --undo" first.`;
}

/**
 * Returns what is computed anew because the map is another one than that by which a database was adopted: generated
 * columns, and the indexes that have them. No column with values of its own is lost.
 */
export function changeOfMap(
  database: Database,
  journal: Journal | null,
  map: DatabaseMap,
  wanted: readonly WantedTable[],
  tables: FoundTables,
  now: Date,
): ChangeOfMap {
  if (journal === null || isDeepStrictEqual(journal.map, map)) return { additions: [], refusals: [] };
  const before = wantedTables(database, journal.map, tables, now);
  const changes = wanted.map((after, index) => changeOfTable(database, journal, before[index]!, after));
  return {
    additions: changes.flatMap(({ additions }) => additions),
    refusals: changes.flatMap(({ refusals }) => refusals),
  };
}

function changeOfTable(database: Database, journal: Journal, before: WantedTable, after: WantedTable): ChangeOfMap {
  const { found } = after;
  const old = new Map(before.columns.map(column => [column.property, column]));
  const others = after.columns.filter(
    ({ property, name, definition }) =>
      definition !== null && old.get(property)?.name === name && old.get(property)?.definition !== definition,
  );
  const ofOurs = others.filter(({ property }) => old.get(property)!.mapped.kind === 'added');
  if (ofOurs.length > 0)
    return {
      additions: [],
      refusals: ofOurs.map(
        ({ name, property }) =>
          `${found.name}.${name} has values of Rollcall's own, and the map now names a source for ${property}. Take the adoption back with "rollcall adopt --undo" first.`,
      ),
    };
  const names = new Set(others.map(({ name }) => name));
  // An index of theirs that serves as well stays as it is.
  const made = new Set(
    journal.entries.flatMap(entry => (entry.kind === 'indexes' && entry.object === found.name ? entry.names : [])),
  );
  const wanted = new Map(after.indexes.map(index => [index.name, index]));
  const dropped = before.indexes.filter(
    ({ name, columns }) =>
      made.has(name) &&
      (columns.some(one => names.has(one)) || columns.join('\0') !== wanted.get(name)?.columns.join('\0')),
  );
  if (others.length + dropped.length === 0) return { additions: [], refusals: [] };
  const { adoption } = dialectOf(database);
  const quoted = (name: string): string => quotedName(database.em, name);
  const table = quoted(found.name);
  // With the columns of the map, and unique only where it was so.
  const added = dropped.flatMap(({ name }): AddedIndex[] => {
    const index = wanted.get(name);
    const isUnique = found.indexes.some(one => one.name === name && one.isUnique);
    return index ? [{ ...index, isUnique }] : [];
  });
  return {
    additions: [
      {
        kind: 'changes',
        object: found.name,
        // A removal for each of these, and then what is added: see makeChanges().
        names: [...dropped.map(({ name }) => name), ...names],
        statements: [
          ...dropped.flatMap(({ name }) => adoption.dropIndexes(found.name, [name], quoted)),
          ...others.map(({ name }) => `alter table ${table} drop column ${quoted(name)}`),
          ...others.map(
            ({ name, definition }) =>
              `alter table ${table} add column ${quoted(name)} ${definition}${adoption.columnOption}`,
          ),
          ...added.map(index => adoption.addIndex(index, quoted)),
        ],
        reverse: [],
      },
    ],
    refusals: [],
  };
}
