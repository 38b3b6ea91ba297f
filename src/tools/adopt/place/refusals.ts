import { requiredColumns } from './required-columns.js';
import type { AdoptionPlan } from '../../../database/adoption/plan.js';
import { ownTableNames } from '../../../database/adoption/own-tables.js';
import { planAdoption } from '../../../database/adoption/plan.js';
import { dialectOf } from '../../../database/database.js';
import { learnUuidOrder } from '../../../database/mapped/key-forms.js';
import { mapParts } from '../../../map/map-form.js';
import { versionFinding } from '../../doctor/connection.js';
import { textOf } from '../../../map/sources.js';
import type { Finding } from '../../doctor/finding.js';
import { refusalsOf } from '../check/check-database.js';
import { unfitKeys, unfitUuids } from '../check/rows.js';
import type { Examined } from '../check/examined.js';
import { oddNames } from '../check/names.js';

/** What opening a database in place would do, or why it cannot be: then there is no plan, or nothing may be done. */
export interface ExaminedPlan {
  readonly plan: AdoptionPlan | null;
  /** Everything that stands in the way, each with what to do. */
  readonly refusals: readonly string[];
}

/**
 * Plans to open a database in place, and finds everything that stands in the way, all at once. Changes nothing. What
 * the map names wrongly comes first, because the rest depends on it.
 */
export async function examinedPlan(examined: Examined): Promise<ExaminedPlan> {
  const { theirs, map } = examined;
  const { database } = theirs;
  const dialect = dialectOf(database);
  const names = mapParts.map(part => map[part].table);
  const refusals = [
    ...failures([versionFinding(dialect, await dialect.inspection.version(database), 'the database')]),
    ...unfitTables(examined),
  ];
  const ofMap = await refusalsOf(examined);
  if (names.some(name => !isReadable(examined, name)) || ofMap.some(text => text.includes('which the map names')))
    return { plan: null, refusals: [...refusals, ...ofMap] };
  const plan = await planAdoption(database, map);
  const ofOrder = await learnUuidOrder(database, map);
  return {
    plan,
    refusals: [
      ...refusals,
      ...ofMap,
      ...plan.refusals,
      ...(ofOrder === null ? [] : [ofOrder]),
      ...(ofMap.length > 0 ? [] : await ofRows(examined)),
      ...oddNames(examined),
      ...requiredColumns(examined),
      ...(plan.additions.length > 0 ? await privileges(examined, names) : []),
    ],
  };
}

function isReadable({ tables }: Examined, name: string): boolean {
  const found = tables.get(name);
  return found !== undefined && found.unfit?.canBeCopied !== false;
}

/** Returns the tables that can be read at most. Those that cannot be read either, the check of the map has found. */
function unfitTables({ tables, map }: Examined): string[] {
  return mapParts.flatMap(part => {
    const { unfit = null, name = '' } = tables.get(map[part].table) ?? {};
    return unfit?.canBeCopied ? [`${name} ${unfit.what}. ${unfit.advice}`] : [];
  });
}

async function privileges({ theirs: { database } }: Examined, tables: readonly string[]): Promise<string[]> {
  const { privileges: rules, adoption } = dialectOf(database);
  const missing =
    rules === null ? null : await rules.missing(database, adoption.needs(tables, ownTableNames(database)));
  if (rules === null || missing === null || missing.length === 0) return [];
  return [
    `The database's user lacks ${missing.join(', ')}. As an administrator: ${rules.grantSql(database, missing)}.`,
  ];
}

/** Returns why some rows cannot be read as they are. */
async function ofRows(examined: Examined): Promise<string[]> {
  const keys = (await unfitKeys(examined)).map(text => `${text} Give these rows other keys.`);
  const uuids = (await unfitUuids(examined)).map(
    text => `${text} Correct these rows, or copy the database with "rollcall import database --ids FILE".`,
  );
  return [...keys, ...uuids, ...(await otherTruths(examined))];
}

/** Returns the columns of truths, read as they are, that have other values than these. */
async function otherTruths({ theirs, map }: Examined): Promise<string[]> {
  const { table, columns } = map.courses;
  if (typeof columns.isPublished !== 'string') return [];
  const values = await theirs.values(table, columns.isPublished);
  const others = values.filter(({ value }) => value !== null && !['0', '1'].includes(textOf(value) ?? ''));
  if (others.length === 0) return [];
  const column = columns.isPublished;
  const shown = others.map(({ value, rows }) => `${JSON.stringify(textOf(value) ?? '')} ${rows}`);
  return [
    `${table}.${column} has other values than 1 and 0: ${shown.join(', ')}. In the map: ${JSON.stringify({ courses: { columns: { isPublished: { column, values: { true: [1], false: [0] } } } } })}, with all of them.`,
  ];
}

function failures(findings: readonly Finding[]): string[] {
  return findings
    .filter(({ status }) => status === 'failed')
    .map(({ message, advice }) => (advice === undefined ? message : `${message} ${advice}`));
}
