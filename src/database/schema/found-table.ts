/** What the values of a column are, whatever the database calls their type. */
export type ColumnFamily = 'whole' | 'number' | 'text' | 'boolean' | 'moment' | 'uuid' | 'bytes' | 'other';

/** A column of a table that was found. */
export interface FoundColumn {
  readonly name: string;
  /** Its type in the words of the database. */
  readonly type: string;
  readonly family: ColumnFamily;
  readonly nullable: boolean;
  /** Whether the database gives each row its next number there. */
  readonly isNumbered: boolean;
  /** Whether an INSERT may leave it out: it has a default, a number of its own, or an expression. */
  readonly hasDefault: boolean;
  readonly collation: string | null;
  /** The values of a type that has only these, where the type is one of the database; null: another type. */
  readonly labels: readonly string[] | null;
  /** The values that the type, or a check, allows; empty if it is not known that there are only some. */
  readonly allowed: readonly string[];
}

/** An index: its name, and its columns in their order. */
interface FoundIndex {
  readonly name: string;
  readonly columns: readonly string[];
  readonly isUnique: boolean;
}

/** A unique key, the primary key included. */
interface FoundKey {
  readonly name: string;
  readonly columns: readonly string[];
  readonly isPrimary: boolean;
}

/** A foreign key. */
interface FoundReference {
  readonly name: string;
  readonly columns: readonly string[];
  readonly table: string;
  /** What happens to the row when the row that it refers to is deleted: `cascade`, `set null` …; null: the database refuses. */
  readonly onDelete: string | null;
}

/** Why a table, or what stands in its place, cannot be opened in place. */
export interface Unfit {
  /** What it is, as the end of a sentence that begins with its name. */
  readonly what: string;
  /** The way out, in whole sentences or statements. */
  readonly advice: string;
  /** Whether a copy can read all of its rows. */
  readonly canBeCopied: boolean;
}

/** The way out for everything that can be read, but not changed. */
export const COPY_INSTEAD = 'Or copy it with "rollcall import database".';

/** A table that was found, or a view. */
export interface FoundTable {
  readonly name: string;
  /** Null: it is an ordinary table, which can be changed. */
  readonly unfit: Unfit | null;
  /** Whether its columns can have the types of SQLite only, and no other words for them. */
  readonly isStrict: boolean;
  readonly columns: ReadonlyMap<string, FoundColumn>;
  readonly keys: readonly FoundKey[];
  /** All indexes, those of keys included. */
  readonly indexes: readonly FoundIndex[];
  readonly references: readonly FoundReference[];
  readonly triggers: readonly string[];
}

/** The tables of a database, by their names. */
export type FoundTables = ReadonlyMap<string, FoundTable>;

/** The forms of types, in small letters, with what their values are; the first that fits. */
const families: readonly (readonly [form: RegExp, family: ColumnFamily])[] = [
  [/\[\]$|^set\b/, 'other'],
  [/^(bool|boolean|tinyint\(1\)|bit\(1\))/, 'boolean'],
  [
    /^(tinyint|smallint|mediumint|int|integer|int[248]|bigint|unsigned big int|serial|bigserial|smallserial|year)\b/,
    'whole',
  ],
  [/^(numeric|decimal|real|double|float)/, 'number'],
  [/^uuid\b/, 'uuid'],
  [/^(binary|varbinary|bytea|[a-z]*blob)\b/, 'bytes'],
  [/^(enum\b|citext\b|json|[a-z ]*(?:char|character|text|clob)\b|bpchar)/, 'text'],
  [/^(date|datetime|timestamp|timestamptz)\b/, 'moment'],
];

/** Returns what the values of a type are, given in small letters. */
export function familyOf(type: string): ColumnFamily {
  return families.find(([form]) => form.test(type))?.[1] ?? 'other';
}

/** The rules by which a database refuses to delete a row that others refer to. */
const refusing = new Set([undefined, '', 'restrict', 'no action']);

/** Returns the rule of a foreign key for a deletion, in small letters; null: the database refuses. */
export function referenceRule(rule: string | undefined): string | null {
  const named = rule?.toLowerCase();
  return named === undefined || refusing.has(named) ? null : named;
}
