import { ok, warning, type Finding } from '../../doctor/finding.js';
import { dialectOf } from '../../../database/database.js';
import { mapParts } from '../../../map/map-form.js';
import { mappedTable, partOfKey } from '../../../map/mapped-table.js';
import { textOf } from '../../../map/sources.js';
import { keyTextOf, partsWithTextKeys } from '../found/key-kinds.js';
import type { Examined } from './examined.js';
import { quantity } from '../../words.js';
import { MAX_NAMED_ROWS } from './examined.js';
import { oddRows, type RowFinding } from './odd-rows.js';

/** Examines whether all keys are numbers that JavaScript holds exactly, or are texts, for which a copy has numbers. */
export async function idFindings(examined: Examined): Promise<Finding[]> {
  const { theirs, tables, map } = examined;
  const findings = [
    ...(await unfitKeys(examined)).map(text => warning(`${text} A copy rejects these rows.`)),
    ...(await unfitUuids(examined)).map(text =>
      warning(`${text} A copy gives each a number, one for all spellings of a UUID; in place they are refused.`),
    ),
  ];
  const texts = partsWithTextKeys(tables, map);
  const named = texts.map(part => {
    const { table, columns } = map[part];
    return `${table}.${columns.id} (${tables.get(table)!.columns.get(columns.id)!.type})`;
  });
  if (texts.length > 0)
    findings.push(
      ok(
        `These keys are no numbers: ${named.join(', ')}. A copy gives each a number, and keeps these in the file of --ids. In place, UUIDs stay as they are.`,
      ),
    );
  if (texts.length === mapParts.length) return findings;
  const highest: string[] = [];
  for (const part of mapParts.filter(one => !texts.includes(one))) {
    const { table, columns } = map[part];
    const [row] = await theirs.rows<{ n: unknown }>(
      `select max(${theirs.name(columns.id)}) as n from ${theirs.name(table)}`,
    );
    if (row?.n != null) highest.push(`${table} ${textOf(row.n)}`);
  }
  if (findings.some(({ status }) => status !== 'ok')) return findings;
  const which = texts.length === 0 ? 'All keys' : 'The other keys';
  return [...findings, ok(`${which} can be copied as they are. The highest: ${highest.join(', ') || 'none'}.`)];
}

/** Returns the tables that have numbers as keys which no request can name, and which JavaScript may not hold exactly, in words. */
export async function unfitKeys({ theirs, tables, map }: Examined): Promise<string[]> {
  const found: string[] = [];
  const texts = partsWithTextKeys(tables, map);
  for (const part of mapParts.filter(one => !texts.includes(one))) {
    const { table, columns } = map[part];
    const key = theirs.name(columns.id);
    const bad = await theirs.count(table, `${key} < 1 or ${key} > ${Number.MAX_SAFE_INTEGER}`);
    if (bad > 0) found.push(`${table} has ${quantity(bad, 'key')} below 1 or above ${Number.MAX_SAFE_INTEGER}.`);
  }
  return found;
}

/**
 * Returns the columns of keys that are UUIDs by the map and have other values, or UUIDs in another spelling, in words: a
 * database may compare these as if they were equal, and Rollcall would not.
 */
export async function unfitUuids({ theirs, tables, map }: Examined): Promise<string[]> {
  const { isNoUuid } = dialectOf(theirs.database).adoption;
  const found: string[] = [];
  for (const part of mapParts) {
    const { table, columns } = map[part];
    for (const [field, column] of Object.entries(columns)) {
      const keyed = partOfKey(part, field);
      if (keyed === undefined || typeof column !== 'string') continue;
      const { keys } = mappedTable(map, keyed);
      if (keys === 'number' || keys === 'uuid') continue;
      if (tables.get(table)!.columns.get(column)!.family !== (keys === 'uuid-binary' ? 'bytes' : 'text')) continue;
      const name = theirs.name(column);
      const condition = `${name} is not null and ${isNoUuid(name, keys)}`;
      const rows = await theirs.count(table, condition);
      if (rows === 0) continue;
      const some = await theirs.rows<{ value: unknown }>(
        `select ${name} as value from ${theirs.name(table)} where ${condition} limit ${MAX_NAMED_ROWS}`,
      );
      const shown = some.map(({ value }) =>
        keys === 'uuid-binary' ? keyTextOf(value) : JSON.stringify(value instanceof Uint8Array ? textOf(value) : value),
      );
      found.push(
        `${table}.${column} has ${quantity(rows, 'value')} other than UUIDs in ${spelling[keys]}, such as ${shown.join(', ')}.`,
      );
    }
  }
  return found;
}

/** How the UUIDs of each form are written. */
const spelling = {
  'uuid-text': 'small letters with hyphens',
  'uuid-hex': 'small letters without hyphens',
  'uuid-binary': '16 bytes',
} as const;

/** Finds students who are in a course several times. */
export async function duplicateFindings({ theirs, map: { enrollments } }: Examined): Promise<RowFinding[]> {
  const { course, student } = enrollments.columns;
  const pair = `${theirs.name(course)}, ${theirs.name(student)}`;
  const pairs = `select ${theirs.name(course)} as c, ${theirs.name(student)} as s, count(*) as n from ${theirs.name(enrollments.table)} group by ${pair} having count(*) > 1`;
  const extra = await theirs.number(`select sum(d.n - 1) as n from (${pairs}) d`);
  if (extra === 0) return [ok('Each student is in each course once at most.')];
  const some = await theirs.rows<{ c: unknown; s: unknown; n: unknown }>(
    `${pairs} order by count(*) desc, ${pair} limit ${MAX_NAMED_ROWS}`,
  );
  const named = some.map(({ c, s, n }) => `course ${keyTextOf(c)}, student ${keyTextOf(s)} (${String(n)})`);
  return [
    oddRows(
      `Some students are in a course several times: ${quantity(extra, 'row')} too many, such as ${named.join('; ')}.`,
      {
        inCopy: 'A copy keeps the row with the lowest id of each, and rejects the others.',
        inPlace: 'They stay, and each of them counts.',
      },
    ),
  ];
}

/** Finds rows that refer to rows which do not exist. */
export async function orphanFindings({ theirs, map }: Examined): Promise<RowFinding[]> {
  const { users, courses, enrollments } = map;
  const references: readonly (readonly [
    table: string,
    column: string | undefined,
    target: { table: string; key: string },
    result: string,
  ])[] = [
    [
      enrollments.table,
      enrollments.columns.course,
      { table: courses.table, key: courses.columns.id },
      'rejects these rows',
    ],
    [
      enrollments.table,
      enrollments.columns.student,
      { table: users.table, key: users.columns.id },
      'rejects these rows',
    ],
    [
      courses.table,
      courses.columns.instructor,
      { table: users.table, key: users.columns.id },
      'leaves the teacher out',
    ],
  ];
  const findings: RowFinding[] = [];
  for (const [table, column, target, result] of references) {
    if (column === undefined) continue;
    const lost = await theirs.number(
      `select count(*) as n from ${theirs.name(table)} t where t.${theirs.name(column)} is not null and not exists (select 1 from ${theirs.name(target.table)} p where p.${theirs.name(target.key)} = t.${theirs.name(column)})`,
    );
    if (lost > 0)
      findings.push(
        oddRows(`${quantity(lost, 'row')} of ${table} with a ${column} that is not in ${target.table}.`, {
          inCopy: `A copy ${result}.`,
          inPlace: 'They stay.',
        }),
      );
  }
  return findings.length > 0 ? findings : [ok('All references lead to a row.')];
}
