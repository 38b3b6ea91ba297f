import { DerivedValues, NotDerivable } from '../../../database/adoption/derived-value.js';
import { dialectOf } from '../../../database/database.js';
import type { ExpressionRules } from '../../../database/dialects/adoption-rules.js';
import { MAX_CAPACITY } from '../../../entities/index.js';
import {
  columnsIn,
  mapParts,
  type AnySource,
  type DatabaseMap,
  type MapPart,
  type MomentSource,
  type ValueSource,
} from '../../../map/map-form.js';
import { textOf, type TheirRow } from '../../../map/sources.js';
import { ok } from '../../doctor/finding.js';
import { quotedCell } from '../../import/bad-row.js';
import { quantity } from '../../words.js';
import { fieldsOf, MAX_EMAIL_CHARACTERS, MAX_NAME_CHARACTERS } from '../copy/our-rows.js';
import { capacityIn, momentOf, optionalTextIn, RejectedValue, textIn, type RejectionCode } from '../copy/our-values.js';
import { keyTextOf } from '../found/key-kinds.js';
import type { TheirDatabase } from '../found/their-database.js';
import { MAX_NAMED_ROWS, type Examined } from './examined.js';
import { oddRows, type RowFinding } from './odd-rows.js';

/** A field whose values a copy may reject. */
interface Field {
  readonly part: MapPart;
  readonly field: string;
  readonly source: AnySource;
  /** Reads it from a row, as a copy does. Errors: RejectedValue. */
  readonly read: (row: TheirRow) => unknown;
  /** Returns the conditions under which a copy rejects a row, in SQL. Errors: NotDerivable. Null: only `read` knows. */
  readonly conditions: ((values: DerivedValues) => Conditions) | null;
}

/** The conditions of flaws. */
type Conditions = Partial<Record<Flaw, string>>;

/** A flaw of a field, with the rows that have it. */
interface Found {
  readonly field: Field;
  readonly flaw: Flaw;
  readonly rows: number;
  /** Some of them, in words. */
  readonly some: readonly string[];
}

/** What can be wrong with a value, by the code of a row that is rejected for it. */
type Flaw = Extract<RejectionCode, 'MISSING_VALUE' | 'TOO_LONG' | 'BAD_TEXT' | 'BAD_DATE' | 'BAD_NUMBER'>;

/** What is said of each flaw, and what becomes of the value where the database is opened in place. */
const flaws: Readonly<Record<Flaw, { readonly what: string; readonly inPlace: string }>> = {
  MISSING_VALUE: { what: 'is empty', inPlace: 'They stay.' },
  TOO_LONG: { what: 'is too long', inPlace: 'They stay, and are shown as far as they fit.' },
  BAD_TEXT: { what: 'has a NUL or half a character', inPlace: 'They stay.' },
  BAD_DATE: {
    what: 'has a moment that is not in the years 1000 to 9999',
    inPlace: 'They stay, and are shown as unknown.',
  },
  BAD_NUMBER: { what: `is no whole number from 0 to ${MAX_CAPACITY}`, inPlace: 'They stay.' },
};

/** The most characters of the texts that must not be empty. */
const limits: Readonly<Record<string, number>> = {
  name: MAX_NAME_CHARACTERS,
  title: MAX_NAME_CHARACTERS,
  email: MAX_EMAIL_CHARACTERS,
};

/** Finds texts, moments and numbers that a copy rejects; users without an email are found apart. */
export async function fieldFindings(examined: Examined): Promise<RowFinding[]> {
  const found: Found[] = [];
  for (const part of mapParts) found.push(...(await foundIn(examined, part)));
  return found.length > 0
    ? found.map(one => findingOf(examined, one))
    : [ok('All texts, moments and numbers can be copied.')];
}

/** Finds the flaws of a part's rows: by one query or, where SQL does not read a type alike, by the values of a field. */
async function foundIn({ theirs, tables, map }: Examined, part: MapPart): Promise<Found[]> {
  const { expressions } = dialectOf(theirs.database).adoption;
  const { table, columns } = map[part];
  const found: Found[] = [];
  const inSql: { readonly field: Field; readonly flaw: Flaw; readonly condition: string }[] = [];
  for (const field of fieldsIn(expressions, map, part)) {
    const conditions = conditionsOf(field, new DerivedValues(expressions, tables.get(table)!));
    if (conditions === null) found.push(...(await foundByValues(theirs, table, field)));
    else
      for (const [flaw, condition] of Object.entries(conditions) as [Flaw, string][])
        inSql.push({ field, flaw, condition });
  }
  if (inSql.length === 0) return found;
  const sums = inSql.map(({ condition }, index) => `sum(case when ${condition} then 1 else 0 end) as n${index}`);
  const [numbers] = await theirs.rows(`select ${sums.join(', ')} from ${theirs.name(table)}`);
  for (const [index, { field, flaw, condition }] of inSql.entries()) {
    const rows = Number(numbers?.[`n${index}`] ?? 0);
    if (rows === 0) continue;
    const some = await theirs.read(table, [columns.id], `where ${condition} limit ${MAX_NAMED_ROWS}`);
    found.push({ field, flaw, rows, some: some.map(row => keyTextOf(row[columns.id]) ?? 'none') });
  }
  return found;
}

/** Returns the conditions of a field's flaws; null if SQL cannot tell them. */
function conditionsOf({ source, conditions }: Field, values: DerivedValues): Conditions | null {
  if (columnsIn(source).length === 0) return {};
  try {
    return conditions === null ? null : conditions(values);
  } catch (error) {
    if (error instanceof NotDerivable) return null;
    throw error;
  }
}

async function foundByValues(theirs: TheirDatabase, table: string, field: Field): Promise<Found[]> {
  const columns = [...new Set(columnsIn(field.source))];
  const byFlaw = new Map<Flaw, { rows: number; some: string[] }>();
  for (const { row, rows } of await theirs.combinations(table, columns)) {
    const flaw = flawIn(field, row);
    if (flaw === null) continue;
    const sum = byFlaw.get(flaw) ?? { rows: 0, some: [] };
    byFlaw.set(flaw, sum);
    sum.rows += rows;
    if (sum.some.length < MAX_NAMED_ROWS)
      sum.some.push(columns.map(column => quotedCell(textOf(row[column]) ?? '')).join(' and '));
  }
  return [...byFlaw].map(([flaw, sum]) => ({ field, flaw, ...sum }));
}

function flawIn({ read }: Field, row: TheirRow): Flaw | null {
  try {
    read(row);
    return null;
  } catch (error) {
    if (error instanceof RejectedValue) return error.code as Flaw;
    throw error;
  }
}

function findingOf({ map }: Examined, { field: { part, field, source }, flaw, rows, some }: Found): RowFinding {
  const { what, inPlace } = flaws[flaw];
  const place = `${map[part].table}.${[...new Set(columnsIn(source))].join(' + ')}`;
  return oddRows(`${place} (${field}) ${what} in ${quantity(rows, 'row')}, such as ${some.join(', ')}.`, {
    inCopy: `A copy rejects ${rows === 1 ? 'it' : 'them'}.`,
    inPlace,
  });
}

function fieldsIn(rules: ExpressionRules, map: DatabaseMap, part: MapPart): Field[] {
  return fieldsOf(map, part).flatMap(([field, source]): Field[] => {
    const most = limits[field];
    if (most !== undefined || field === 'description') {
      const text = source as ValueSource;
      return [
        {
          part,
          field,
          source,
          read: row => (most === undefined ? optionalTextIn(field, text, row) : textIn(field, text, row, most)),
          conditions: values => textConditions(values, rules, field, text),
        },
      ];
    }
    if (field.endsWith('At')) {
      const moment = source as MomentSource;
      return [
        {
          part,
          field,
          source,
          read: row => momentOf(field, moment, row, new Date()),
          conditions: values => {
            const { sql, isGiven } = values.optionalMoment(moment);
            return { BAD_DATE: `${isGiven} and ${sql} is null` };
          },
        },
      ];
    }
    if (field !== 'capacity') return [];
    const number = source as ValueSource;
    // There are few capacities, and they are of any type.
    return [{ part, field, source, read: row => capacityIn(number, row), conditions: null }];
  });
}

function textConditions(values: DerivedValues, rules: ExpressionRules, field: string, source: ValueSource): Conditions {
  const text = values.text(source, undefined);
  const most = limits[field];
  // Another check finds users without an email. What a text cannot fall back to here is a key, which no row lacks.
  const canBeMissing = most !== undefined && field !== 'email' && values.leftOut.length === 0;
  return {
    ...(canBeMissing && { MISSING_VALUE: `${text} is null` }),
    ...(most !== undefined && { TOO_LONG: `${rules.length(text)} > ${most}` }),
    ...(rules.hasNul !== null && { BAD_TEXT: rules.hasNul(text) }),
  };
}
