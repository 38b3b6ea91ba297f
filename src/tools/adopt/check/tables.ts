import { grouped } from '../../words.js';
import { failed, ok, warning, type Finding } from '../../doctor/finding.js';
import { columnsReadBy, fieldsOf } from '../copy/our-rows.js';
import { dialectOf } from '../../../database/database.js';
import type { ColumnFamily, FoundTable, FoundTables } from '../../../database/schema/found-table.js';
import { columnsIn, mapParts, type AnySource, type DatabaseMap, type MapPart } from '../../../map/map-form.js';
import { storedCountsIn } from '../../../map/stored-counts.js';
import { partOfKey } from '../../../map/mapped-table.js';
import { keyKindOf, keyKinds } from '../found/key-kinds.js';
import type { TheirDatabase } from '../found/their-database.js';
import type { Examined } from './examined.js';

/** Finds the mapped tables, with the number of their rows. */
export async function tableFindings({ theirs, tables, map }: Examined): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const part of mapParts) {
    const { table } = map[part];
    const found = tables.get(table);
    if (!found)
      findings.push(
        failed(`There is no table ${table}, where the map has the ${part}.`, await placesOf(theirs, tables, table)),
      );
    else if (found.unfit?.canBeCopied === false)
      findings.push(failed(`${table} ${found.unfit.what}.`, found.unfit.advice));
    else {
      const rows = `The ${part} are in ${table}, which has ${grouped(await theirs.count(table))} rows.`;
      findings.push(
        found.unfit === null
          ? ok(rows)
          : warning(
              `${rows} It ${found.unfit.what}. It can be copied, but not be opened in place.`,
              found.unfit.advice,
            ),
      );
    }
  }
  return findings;
}

/** Returns what to do about a table that is not there: it may be in another schema, or be meant as one of these. */
async function placesOf({ database }: TheirDatabase, tables: FoundTables, table: string): Promise<string> {
  const { schema } = dialectOf(database);
  const places = await schema.otherPlaces(database.em.fork(), table.split('.').at(-1)!);
  return [
    ...(places.length > 0 ? [`There is one in ${namesIn(places)}. ${schema.wayToOtherPlaces}`] : []),
    `Name one of these in the map: ${namesIn(tables.keys()) || 'there are none'}.`,
  ].join(' ');
}

/** Shows which column each value comes from, and finds columns that do not exist. */
export function columnFindings({ tables, map }: Examined): Finding[] {
  return mapParts.flatMap(part => {
    const found = tables.get(map[part].table);
    if (!found) return [];
    const lost = wantedColumns(map, part).filter(name => !found.columns.has(name));
    if (lost.length > 0)
      return [
        failed(
          `${found.name} has no ${lost.length === 1 ? 'column' : 'columns'} ${lost.join(', ')}, which the map names.`,
          `Its columns are ${namesIn(found.columns.keys())}.`,
        ),
      ];
    const places = fieldsOf(map, part).map(([field, source]) => `${field} ← ${placeIn(source)}`);
    return [ok(`${found.name}: ${places.join(', ')}.`)];
  });
}

/** Returns the columns of a source in words. */
function placeIn(source: AnySource): string {
  if (typeof source === 'object' && 'firstOf' in source) return source.firstOf.map(one => placeIn(one)).join(', else ');
  return columnsIn(source).join(' and ') || 'a fixed value';
}

/** The families whose values each kind of field can be read from; keys are apart. */
const readable: Readonly<Record<string, readonly ColumnFamily[]>> = {
  moment: ['moment', 'text', 'whole'],
  capacity: ['whole', 'number', 'text'],
};

/** Finds columns whose type cannot hold what the map expects there. */
export function typeFindings(examined: Examined): Finding[] {
  const { tables, map } = examined;
  const findings = mapParts.flatMap(part => {
    const found = tables.get(map[part].table)!;
    return fieldsOf(map, part).flatMap(([field, source]) => {
      const keyed = partOfKey(part, field);
      if (keyed !== undefined)
        return columnsIn(source).flatMap(name => keyFinding(examined, { part, field, name }, keyed));
      const families = readable[field.endsWith('At') ? 'moment' : field];
      return columnsIn(source).flatMap(name => {
        const { family, type } = found.columns.get(name)!;
        if (!families || families.includes(family)) return [];
        return [
          failed(
            `${found.name}.${name} has the type ${type}, from which no ${field} can be read.`,
            'Name another column in the map.',
          ),
        ];
      });
    });
  });
  return findings.length > 0 ? findings : [ok('All mapped columns have types that can be read.')];
}

/** Finds a key of a type that has none, or of another kind than the rows that it refers to. */
function keyFinding(
  { tables, map }: Examined,
  { part, field, name }: { readonly part: MapPart; readonly field: string; readonly name: string },
  keyed: MapPart,
): Finding[] {
  const { name: table, columns } = tables.get(map[part].table)!;
  const column = columns.get(name)!;
  const kind = keyKindOf(column);
  if (kind === null)
    return [
      failed(
        `${table}.${name} has the type ${column.type}, from which no ${field} can be read.`,
        'Name a unique column of whole numbers or texts in the map, or add one.',
      ),
    ];
  if (kind === keyKinds(tables, map)[keyed]) return [];
  const target = map[keyed].columns.id;
  return [
    failed(
      `${table}.${name} has the type ${column.type}, but ${map[keyed].table}.${target}, to which it refers, has ${tables.get(map[keyed].table)!.columns.get(target)!.type}.`,
      'Name two columns of one type in the map.',
    ),
  ];
}

/** The fields that Rollcall has and a map may leave out, each with what a copy writes instead. */
const replacements: Readonly<Record<MapPart, Readonly<Record<string, string>>>> = {
  users: { createdAt: 'the moment of the copy', updatedAt: 'the same as createdAt' },
  courses: {
    description: 'none',
    capacity: 'no limit of seats',
    instructor: 'no teacher',
    createdAt: 'the moment of the copy',
    updatedAt: 'the same as createdAt',
  },
  enrollments: { enrolledAt: 'the moment of the copy', updatedAt: 'the same as enrolledAt' },
};

/** Shows the fields for which there is no column. */
export function missingFindings({ map }: Examined): Finding[] {
  const missing = mapParts.flatMap(part =>
    Object.entries(replacements[part])
      .filter(([field]) => !(field in map[part].columns))
      .map(([field, instead]) => `${part}.${field}: ${instead}`),
  );
  return missing.length === 0
    ? [ok('There is a column for every field.')]
    : [warning(`No column is mapped to some fields; a copy writes instead: ${missing.join('; ')}.`)];
}

/** Finds keys that several rows could have, or have: a copy reads the rows in the order of their keys. */
export async function keyFindings({ theirs, tables, map }: Examined): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const part of mapParts) {
    const { name, keys, unfit } = tables.get(map[part].table)!;
    const { id } = map[part].columns;
    const isUnique = keys.some(({ columns }) => columns.length === 1 && columns[0] === id);
    if (unfit === null && isUnique) continue;
    if (unfit === null) {
      findings.push(
        failed(
          `${name}.${id} has no unique key, so that several rows may have one id.`,
          'Name a column with a unique key in the map, or add that key.',
        ),
      );
      continue;
    }
    // A view has no keys, and those of partitions say nothing of the whole.
    const key = theirs.name(id);
    const shared = await theirs.number(
      `select count(*) as n from (select ${key} from ${theirs.name(name)} group by ${key} having count(*) > 1) d`,
    );
    if (shared > 0)
      findings.push(
        failed(
          `${name}.${id} has ${grouped(shared)} values that several rows have.`,
          'Name another column in the map, or another table.',
        ),
      );
  }
  return findings;
}

/** Examines whether a student can be in a course once only, and an email belong to one user. */
export function uniqueFindings(examined: Examined): Finding[] {
  const { tables, map } = examined;
  const { users } = map;
  const email = columnsIn(users.columns.email)[0];
  return [
    uniquePairFinding(examined),
    ...(email === undefined
      ? []
      : [uniqueFinding(tables.get(users.table)!, [email], 'Several users may have one email there')]),
  ];
}

/** Examines whether a student can be in a course once only. */
export function uniquePairFinding({ tables, map: { enrollments } }: Examined): Finding {
  return uniqueFinding(
    tables.get(enrollments.table)!,
    [enrollments.columns.course, enrollments.columns.student],
    'A student may be in a course several times there',
  );
}

function uniqueFinding({ name, keys }: FoundTable, wanted: readonly string[], otherwise: string): Finding {
  const key = keys.find(
    ({ columns }) => columns.length === wanted.length && columns.every(column => wanted.includes(column)),
  );
  return key
    ? ok(`${name} has the unique key ${key.name} (${key.columns.join(', ')}).`)
    : warning(`${name} has no unique key on (${wanted.join(', ')}). ${otherwise}; Rollcall allows one.`);
}

/** Finds foreign keys by which deleting a row deletes or changes enrollments or courses without a trace. */
export function cascadeFindings({ tables, map }: Examined): Finding[] {
  const names = mapParts.map(part => map[part].table);
  const found = names.flatMap(name =>
    tables
      .get(name)!
      .references.filter(({ onDelete, table }) => onDelete !== null && names.includes(table))
      .map(({ columns, table, onDelete }) => `${name}.${columns.join(', ')} → ${table} (on delete ${onDelete})`),
  );
  return found.length === 0
    ? [ok('No foreign key between these tables changes rows when others are deleted.')]
    : [
        warning(
          `The database itself changes rows when others are deleted: ${found.join('; ')}. Rollcall refuses to delete a course or a user with enrollments.`,
        ),
      ];
}

/** Finds triggers on the tables. */
export function triggerFindings({ tables, map }: Examined): Finding[] {
  const found = mapParts.flatMap(part =>
    tables.get(map[part].table)!.triggers.map(name => `${name} on ${map[part].table}`),
  );
  return found.length === 0
    ? [ok('There are no triggers on these tables.')]
    : [warning(`There are triggers, which a copy leaves behind: ${found.join(', ')}.`)];
}

/** Returns the references of other tables to these, in words. */
export function referencesOfOthers({ tables, map }: Examined): string[] {
  const names = mapParts.map(part => map[part].table);
  return [...tables.values()]
    .filter(({ name }) => !names.includes(name))
    .flatMap(({ name, references }) =>
      references
        .filter(({ table }) => names.includes(table))
        .map(({ columns, table }) => `${name}.${columns.join(', ')} → ${table}`),
    )
    .toSorted();
}

/** Finds other tables whose rows belong to these. */
export function childFindings(examined: Examined): Finding[] {
  const found = referencesOfOthers(examined);
  return found.length === 0
    ? [ok('No other table refers to these.')]
    : [
        warning(
          `Other tables refer to these, and a copy leaves them behind: ${found.join('; ')}. The ids stay the same, so they still fit.`,
        ),
      ];
}

/** Shows how texts are compared where it decides on equality: emails, and titles. */
export function textFindings({ tables, map }: Examined): Finding[] {
  const places = [
    ...columnsIn(map.users.columns.email).map(name => [map.users.table, name] as const),
    ...columnsIn(map.courses.columns.title).map(name => [map.courses.table, name] as const),
  ];
  const found = places.flatMap(([table, name]) => {
    const { family, collation } = tables.get(table)!.columns.get(name)!;
    return family !== 'text' || collation === null ? [] : [`${table}.${name}: ${collation}`];
  });
  return found.length === 0 ? [] : [ok(`Texts are compared by these collations: ${[...new Set(found)].join(', ')}.`)];
}

/** Returns the columns of a table that a map names. */
export function wantedColumns(map: DatabaseMap, part: MapPart): string[] {
  const counts = part === 'courses' ? storedCountsIn(map).values() : [];
  return [...columnsReadBy(map, part), ...counts];
}

function namesIn(names: Iterable<string>): string {
  return [...names].join(', ');
}
