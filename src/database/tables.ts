/**
 * The tables, described in one place: their columns are derived from the entities, for the types of the query builder,
 * and only here are the raw values of drivers converted.
 */
import { ReferenceKind, type EntityProperty, type Opt, type Reference } from '@mikro-orm/core';
import { Course, Enrollment, RecountChange, RecountRun, User } from '../entities/index.js';

/** The entities by the names of their tables, as the entities' metadata has them; a test holds the two together. */
export const entitiesByTable = {
  core_user: User,
  core_course: Course,
  core_enrollments: Enrollment,
  core_recount_runs: RecountRun,
  core_recount_changes: RecountChange,
} as const;

/** The name of a table. */
export type TableName = keyof typeof entitiesByTable;

/** The names of all tables. */
export const tableNames = Object.keys(entitiesByTable) as readonly TableName[];

/** The entity of a table. */
export type EntityOf<Table extends TableName> = InstanceType<(typeof entitiesByTable)[Table]>;

/** The tables in the form that the query builder needs: the raw rows of drivers. */
export type Tables = { [Table in TableName]: StoredRow<EntityOf<Table>> };

/** The name of a column of one of some tables. */
export type ColumnOf<Table extends TableName> = { [Each in Table]: keyof Tables[Each] & string }[Table];

/** A moment in the form of a driver: MySQL's and MariaDB's text in UTC, PostgreSQL's, which says so, SQLite's milliseconds. */
export type StoredMoment = string | number;

/** A truth value in a form that all drivers accept; PostgreSQL's returns booleans. */
export type StoredBoolean = 0 | 1;

/**
 * A count, sum or maximum in the form of a driver: MySQL and MariaDB return sums as texts; null if there are no rows.
 */
export type StoredAggregate = number | string | null;

/** A row in the form of drivers: a column for each property, with its name in snake case; for a relation, the key. */
export type StoredRow<Entity> = {
  [Name in keyof Entity & string as SnakeCase<KeyName<Name, Entity[Name]>>]: StoredValue<Unmarked<Entity[Name]>>;
};

/**
 * A row in the form that the code uses, with the names of the entity's properties; for the relation `course`,
 * `courseId`.
 */
export type PlainRow<Entity> = {
  readonly [Name in keyof Entity & string as KeyName<Name, Entity[Name]>]: PlainValue<Unmarked<Entity[Name]>>;
};

type KeyName<Name extends string, Value> = NonNullable<Value> extends Reference<object> ? `${Name}Id` : Name;

type SnakeCase<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? First extends Lowercase<First>
    ? `${First}${SnakeCase<Rest>}`
    : `_${Lowercase<First>}${SnakeCase<Rest>}`
  : Name;

/** A property's type without MikroORM's markers; an optional property is null in the database. */
type Unmarked<Value> = Value extends undefined
  ? never
  : Value extends null
    ? null
    : Value extends boolean
      ? boolean
      : Value extends Date
        ? Date
        : Value extends infer Bare & Opt.Brand
          ? Bare
          : Value;

type PlainValue<Value> = Value extends Reference<infer Target> ? KeyOf<Target> : Value;

type StoredValue<Value> = Value extends boolean ? StoredBoolean : Value extends Date ? StoredMoment : PlainValue<Value>;

type KeyOf<Target> = Target extends { readonly id: infer Key } ? Key : never;

/** Returns the name of a property's column in a database of our own, by the same rule. */
export function columnOfOurs({ name, kind }: Pick<EntityProperty, 'name' | 'kind'>): string {
  const key = kind === ReferenceKind.MANY_TO_ONE ? `${name}Id` : name;
  return key.replaceAll(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
}

/** Returns a stored moment as a Date. */
export function dateOf(moment: StoredMoment): Date {
  return new Date(typeof moment === 'number' ? moment : `${inUtc(moment).replace(' ', 'T')}Z`);
}

/**
 * Returns a stored moment in the form that it always has, whatever the protocol: without the sign of UTC, and without
 * zeros at the end of its fraction, of which a prepared statement returns none or six.
 */
export function sameMoment(moment: StoredMoment): StoredMoment {
  if (typeof moment === 'number') return moment;
  const text = inUtc(moment);
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

/** Returns a text of a moment in UTC without the sign of that. */
function inUtc(moment: string): string {
  return moment.endsWith('+00') ? moment.slice(0, -3) : moment;
}

/** Returns a stored truth value, or one that the database computed, as a boolean. */
export function isTrue(value: StoredBoolean): boolean {
  return Boolean(value);
}

/** Returns a truth value in the form that all drivers accept. */
export function storedBoolean(value: boolean): StoredBoolean {
  return value ? 1 : 0;
}

/** Returns a count, a sum or a maximum as a number; 0 if there are no rows. */
export function numberOf(aggregate: StoredAggregate): number {
  return Number(aggregate ?? 0);
}

/** Returns true for a possible stored moment: a whole number, or a text with a day and time that exist. */
export function isStoredMoment(value: string | number): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value);
  const date = dateOf(value);
  return (
    /^[\d-]{10} [\d:]{8}(\.\d{1,6})?$/.test(value) &&
    !Number.isNaN(date.valueOf()) &&
    date.toISOString().startsWith(value.slice(0, 19).replace(' ', 'T'))
  );
}
