import { ReferenceKind, type EntityMetadata, type EntityProperty } from '@mikro-orm/core';
import { DatabaseSchema } from '@mikro-orm/sql';
import type { KeyForm } from '../../entities/index.js';
import type {
  AnySource,
  ChoiceSource,
  DatabaseMap,
  MapPart,
  MomentSource,
  TruthSource,
  ValueSource,
} from '../../map/map-form.js';
import { mapParts } from '../../map/map-form.js';
import { storedCountsIn } from '../../map/stored-counts.js';
import { mappedColumn, mappedEntities, mappedTable, partOfKey, type MappedProperty } from '../../map/mapped-table.js';
import { choicesOf } from '../../map/choices.js';
import { textOf } from '../../map/sources.js';
import { quotedName } from '../../migrations/sql-names.js';
import { dialectOf, type Database } from '../dialects/dialect.js';
import type { AddedIndex, AdoptionRules } from '../dialects/adoption-rules.js';
import type { ColumnFamily, FoundColumn, FoundTable, FoundTables } from '../schema/found-table.js';
import { DerivedValues, NotDerivable } from './derived-value.js';

/** A column that our tables have, as another application's table is to have it. */
interface WantedColumn {
  readonly part: MapPart;
  readonly property: string;
  /** The name of the column in the table; not quoted. */
  readonly name: string;
  readonly mapped: MappedProperty;
  /** What follows the name; null: it is theirs, and nothing is added. */
  readonly definition: string | null;
  /** Why the map cannot be followed, and what to write into it instead; null: it can. */
  readonly refusal: string | null;
  /** The columns of theirs that a text cannot fall back to. */
  readonly leftOut: readonly string[];
  /** What later rows have instead of the default by which the column is added; null: the same. */
  readonly laterDefault: string | null;
  readonly isIndexable: boolean;
}

/** What one table of another application is to have. */
export interface WantedTable {
  readonly part: MapPart;
  readonly found: FoundTable;
  readonly columns: readonly WantedColumn[];
  readonly indexes: readonly AddedIndex[];
  /** What the tables cannot have, in words. */
  readonly remarks: readonly string[];
  /** Why they cannot have what they need. */
  readonly refusals: readonly string[];
}

/**
 * Returns what the tables that a map names are to have, by the metadata of our entities. The database is opened without
 * the map, so that the metadata has our own names.
 */
export function wantedTables(database: Database, map: DatabaseMap, tables: FoundTables, now: Date): WantedTable[] {
  const metadata = database.getMetadata();
  const ours = DatabaseSchema.fromMetadata([...metadata.getAll().values()], database.em.getPlatform(), database.config);
  return mapParts.map(part => {
    const meta: EntityMetadata = metadata.get<object>(mappedEntities[part]);
    const found = tables.get(map[part].table)!;
    const columns = meta.props
      .filter(({ kind }) => kind === ReferenceKind.SCALAR || kind === ReferenceKind.MANY_TO_ONE)
      .map(prop => wantedColumn(database, map, part, tables, prop, now));
    const byOwn = new Map(meta.props.map(prop => [prop.fieldNames?.[0], prop.name]));
    const nameOf = (own: string): WantedColumn => columns.find(({ property }) => property === byOwn.get(own))!;
    const isEmail = (names: readonly string[]): boolean => names.length === 1 && byOwn.get(names[0]) === 'email';
    const indexes = ours
      .getTable(meta.tableName)!
      .getIndexes()
      .filter(({ primary }) => !primary)
      .map(({ keyName, columnNames, unique }): AddedIndex => {
        // Several of their users may have one email.
        const plain = unique && isEmail(columnNames);
        return {
          table: found.name,
          name: plain ? database.em.getPlatform().getIndexName(meta.tableName, columnNames, 'index') : keyName,
          columns: columnNames.map(own => nameOf(own).name),
          isUnique: unique && !plain,
        };
      });
    const unfit = new Set(columns.filter(({ isIndexable }) => !isIndexable).map(({ name }) => name));
    const isPossible = (index: AddedIndex): boolean => !index.columns.some(name => unfit.has(name));
    return {
      part,
      found,
      columns,
      indexes: indexes.filter(isPossible),
      refusals: columns.flatMap(({ refusal }) => refusal ?? []),
      remarks: [
        ...columns
          .filter(({ leftOut }) => leftOut.length > 0)
          .map(
            ({ name, leftOut }) =>
              `${found.name}.${name} is empty where the map falls back to ${leftOut.join(' and ')}, because no generated column can refer to the numbers that the server gives to rows.`,
          ),
        ...(indexes.every(isPossible)
          ? []
          : [
              `${found.name} gets no index of ${[...unfit].filter(name => indexes.some(index => index.columns.includes(name))).join(' and ')}, because the database would reject it, or rows of theirs; pages in that order read all rows.`,
            ]),
      ],
    };
  });
}

/** What a table of our own in another application's database is to have, by the metadata of its entity. */
export type WantedOwnTable = Pick<WantedTable, 'found' | 'indexes'> & {
  readonly columns: readonly Pick<WantedColumn, 'name' | 'definition' | 'laterDefault'>[];
};

/** Returns what the tables of our own with some names are to have: those that an earlier version has made may have less. */
export function wantedOwnTables(
  database: Database,
  names: readonly string[],
  tables: FoundTables,
  now: Date,
): WantedOwnTable[] {
  const metadata = [...database.getMetadata().getAll().values()];
  const ours = DatabaseSchema.fromMetadata(metadata, database.em.getPlatform(), database.config);
  return names.map(name => {
    const meta = metadata.find(({ tableName }) => tableName === name)!;
    return {
      found: tables.get(name)!,
      columns: meta.props
        .filter(({ fieldNames, persist }) => persist !== false && fieldNames?.length === 1)
        .map(prop => {
          const column = prop.fieldNames[0]!;
          return {
            name: column,
            ...addedDefinition(database, tables.get(name)!, prop, quotedName(database.em, column), now),
          };
        }),
      indexes: ours
        .getTable(name)!
        .getIndexes()
        .filter(({ primary }) => !primary)
        .map(({ keyName, columnNames, unique }) => ({
          table: name,
          name: keyName,
          columns: columnNames,
          isUnique: unique,
        })),
    };
  });
}

function wantedColumn(
  database: Database,
  map: DatabaseMap,
  part: MapPart,
  tables: FoundTables,
  prop: EntityProperty,
  now: Date,
): WantedColumn {
  const { adoption } = dialectOf(database);
  const found = tables.get(map[part].table)!;
  const mapped = mappedTable(map, part).propertyOf(prop.name);
  const own = prop.fieldNames[0]!;
  const name = mappedColumn(mapped, own);
  const common = {
    part,
    property: prop.name,
    name,
    mapped,
    laterDefault: null,
    leftOut: [],
    refusal: null,
    isIndexable: true,
  };
  const keyed = partOfKey(part, prop.name);
  if (mapped.kind === 'theirs') {
    const column = found.columns.get(name)!;
    // Their own indexes have the keys already.
    if (keyed !== undefined)
      return { ...common, definition: null, refusal: refusalOfKey(map, keyed, prop.name === 'id', found, column) };
    const refusal = fits(adoption, prop, column)
      ? refusalOfNull(map, part, prop, found, column)
      : misfit(part, prop, found, column);
    return { ...common, definition: null, refusal, isIndexable: adoption.canIndex(column) };
  }
  const quoted = quotedName(database.em, name);
  if (mapped.kind === 'added' && keyed !== undefined && mappedTable(map, keyed).keys !== 'number')
    return { ...common, definition: `${keyType(database, map, keyed, tables)} null` };
  if (mapped.kind === 'added') {
    const { definition, laterDefault } = addedDefinition(database, found, prop, quoted, now);
    return { ...common, definition, laterDefault };
  }
  const values = new DerivedValues(adoption.expressions, found);
  const expression = derivable(() => expressionOf(values, map, part, prop, mapped.source));
  if (expression instanceof NotDerivable)
    return { ...common, definition: null, refusal: underivable(part, prop, found, expression.column) };
  const { sql, isIndexable } = expression;
  const type = typeIn(database, found, adoption.derivedType(typeOf(prop), isStoredAsWord(part, prop)));
  return {
    ...common,
    isIndexable,
    leftOut: values.leftOut.map(column => column.name),
    definition: `${type} generated always as (${sql}) ${adoption.generated}`,
  };
}

/** Returns the result of a computation, or the error that no expression can have the value. */
function derivable<Result>(compute: () => Result): Result | NotDerivable {
  try {
    return compute();
  } catch (error) {
    if (error instanceof NotDerivable) return error;
    throw error;
  }
}

/** Returns whether the values of a column are read and written as those of a property. */
function fits(adoption: AdoptionRules, prop: EntityProperty, column: FoundColumn): boolean {
  switch (prop.runtimeType) {
    case 'boolean':
      return adoption.isTruth(column);
    case 'string':
      return column.family === 'text' && column.labels === null;
    default:
      return column.family === 'whole';
  }
}

function misfit(part: MapPart, prop: EntityProperty, { name: table }: FoundTable, column: FoundColumn): string {
  const place = `${table}.${column.name} has the type ${column.type}, which is not read and written as ${prop.name} as it is.`;
  return prop.runtimeType === 'boolean'
    ? `${place} In the map: { "${part}": { "columns": { "${prop.name}": { "column": "${column.name}", "values": { "true": [1], "false": [0] } } } } }.`
    : `${place} Name another column in the map, or leave it out if it may be.`;
}

/**
 * Returns why the keys of a part cannot be read from a column, which has those of its own rows, or refers to them; null:
 * they can.
 */
function refusalOfKey(
  map: DatabaseMap,
  part: MapPart,
  isOwn: boolean,
  { name: table }: FoundTable,
  { name, type, family, labels }: FoundColumn,
): string | null {
  const { keys } = mappedTable(map, part);
  const isText = family === 'text' && labels === null;
  if (isText ? keys === 'uuid-text' || keys === 'uuid-hex' : keys === formOf(family)) return null;
  const place = `${table}.${name} has the type ${type}`;
  const said = `the keys of ${part} are of the form ${keys} by the map`;
  if (!isOwn)
    // The check of the map names a number that refers to a text, and the other way round.
    return keys === 'number' || family === 'whole'
      ? null
      : `${place}, and ${said}. Give it the type of the keys to which it refers.`;
  const fit = isText ? textForm(type) : formOf(family);
  const copy = 'Copy it with "rollcall import database --ids FILE", which gives each row a number';
  if (fit === null)
    return `${place}, and a database is opened in place by keys that are whole numbers, or UUIDs of the type uuid, in texts or in 16 bytes. ${copy}.`;
  const entry = JSON.stringify({ [part]: { keys: fit } });
  return fit === 'number' || fit === 'uuid'
    ? `${place}, and ${said}. In the map: ${entry}.`
    : `${place}, and ${said}. If they are UUIDs, in the map: ${entry}. If not: ${copy}.`;
}

/** Returns the type of a column that refers to the rows of a part: that of their key, which compares as that does. */
function keyType(database: Database, map: DatabaseMap, part: MapPart, tables: FoundTables): string {
  const { type, collation, family } = tables.get(map[part].table)!.columns.get(map[part].columns.id)!;
  return family === 'text' && collation !== null ? `${type} collate ${quotedName(database.em, collation)}` : type;
}

/** Returns what the keys in columns of some types are; null: texts, or no keys. */
export function formOf(family: ColumnFamily): KeyForm | null {
  return { whole: 'number' as const, uuid: 'uuid' as const, bytes: 'uuid-binary' as const }[family as string] ?? null;
}

/** Returns the form of the UUIDs that a column of texts has, by its type. */
export function textForm(type: string): KeyForm {
  return type.includes('(32)') ? 'uuid-hex' : 'uuid-text';
}

/** Returns why a column must not be one that may be null; null: it is none, or it may be. */
function refusalOfNull(
  map: DatabaseMap,
  part: MapPart,
  prop: EntityProperty,
  { name: table }: FoundTable,
  column: FoundColumn,
): string | null {
  if (part !== 'courses' || !column.nullable) return null;
  if (storedCountsIn(map).has(prop.name))
    return `${table}.${column.name} may be null, to which no enrollment can be added. Make it NOT NULL with the default 0, or leave ${prop.name} out of the "counts" of the map: then Rollcall keeps a column of its own.`;
  return isTitle(part, prop)
    ? `${table}.${column.name} may be null, and lists have an order of titles. In the map: { "courses": { "columns": { "title": { "firstOf": ["${column.name}", { "value": "Untitled" }] } } } }.`
    : null;
}

function underivable(part: MapPart, prop: EntityProperty, { name: table }: FoundTable, column: FoundColumn): string {
  return `The map takes ${part}.${prop.name} from ${table}.${column.name}, which has the type ${column.type}${column.isNumbered ? ' and its numbers from the server' : ''}: no generated column can have that. Name another column in the map.`;
}

/** Returns whether a property is a choice among words. */
function isStoredAsWord(part: MapPart, prop: EntityProperty): boolean {
  return prop.runtimeType !== 'boolean' && choicesOf(part, prop.name) !== null;
}

function typeOf({ columnTypes, collation }: EntityProperty): string {
  return `${columnTypes[0]!}${collation === undefined ? '' : ` collate ${collation}`}`;
}

/** Returns a type as a table can have it. */
function typeIn(database: Database, { isStrict }: FoundTable, type: string): string {
  return isStrict ? dialectOf(database).adoption.strictType(type) : type;
}

function addedDefinition(
  database: Database,
  found: FoundTable,
  prop: EntityProperty,
  quoted: string,
  now: Date,
): { definition: string; laterDefault: string | null } {
  const { adoption } = dialectOf(database);
  const isMoment = prop.runtimeType === 'Date';
  const moment = isMoment && !prop.nullable ? adoption.momentDefault(now) : null;
  const given = moment?.first ?? (prop.defaultRaw === undefined ? null : prop.defaultRaw);
  const check = prop.unsigned && adoption.needsSignCheck ? ` check (${quoted} >= 0)` : '';
  return {
    definition: `${typeIn(database, found, typeOf(prop))}${prop.nullable ? ' null' : ' not null'}${given === null ? '' : ` default ${given}`}${check}`,
    laterDefault: moment?.later ?? null,
  };
}

function expressionOf(
  values: DerivedValues,
  map: DatabaseMap,
  part: MapPart,
  prop: EntityProperty,
  source: AnySource,
): { sql: string; isIndexable: boolean } {
  const ours = choicesOf(part, prop.name);
  if (ours && isStoredAsWord(part, prop)) {
    const choice = values.choice(source as ChoiceSource, ours);
    const { inactive } = map.users;
    // Who may no longer sign in has the rights of no teacher and no admin.
    const sql =
      part === 'users' && inactive
        ? values.ifListed(inactive, values.choice({ value: 'STUDENT' }, ours), choice)
        : choice;
    return { sql, isIndexable: true };
  }
  if (prop.runtimeType === 'Date') return values.moment(source as MomentSource);
  if (prop.runtimeType === 'boolean') return { sql: values.truth(source as TruthSource), isIndexable: true };
  if (prop.runtimeType === 'number') return { sql: numberOf(source as ValueSource), isIndexable: true };
  const text = values.text(source as ValueSource, prop.length);
  // Lists in the order of titles have all rows.
  return { sql: isTitle(part, prop) ? `coalesce(${text}, '')` : text, isIndexable: true };
}

function isTitle(part: MapPart, { name }: EntityProperty): boolean {
  return part === 'courses' && name === 'title';
}

/** Returns a number that is the same for every row; only such a source of a number is derived. */
function numberOf(source: ValueSource): string {
  const text = typeof source === 'object' && 'value' in source ? textOf(source.value) : null;
  return text !== null && /^\d{1,10}$/.test(text) ? text : 'null';
}
