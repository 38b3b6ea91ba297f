import type { SqlEntityManager } from '@mikro-orm/sql';
import type { RequiredPrivilege } from '../../migrations/migration-entry.js';
import type { KeyForm } from '../../entities/index.js';
import type { FoundColumn } from '../schema/found-table.js';

/** The forms of keys that columns of a type may have, which may have other values too. */
type StoredUuid = Exclude<KeyForm, 'number' | 'uuid'>;

/** SQL for a moment. */
export interface MomentSql {
  readonly sql: string;
  /** The condition that the row has something there, whether that is a moment or not. */
  readonly isGiven: string;
  /** Whether the database accepts an index of a generated column with this expression. */
  readonly isIndexable: boolean;
}

/**
 * The SQL of values that are computed from another application's columns, in generated columns: it depends on nothing but
 * the row, and fails for no value that a column can have, because a failure would reject a write of that application.
 */
export interface ExpressionRules {
  /** Returns a text in SQL. */
  readonly literal: (text: string) => string;
  /**
   * Returns the value of a column as a text, the digits of bytes if it is the row's key; null if a generated column cannot
   * have it for a column of this type.
   */
  readonly text: (column: FoundColumn, isKey: boolean) => string | null;
  /** Returns a text without white space around it; NULL if nothing is left. */
  readonly trimmed: (text: string) => string;
  /** Returns a text in small letters, to be compared exactly with some words that have no others. */
  readonly lower: (text: string, words: readonly string[]) => string;
  readonly concat: (texts: readonly string[]) => string;
  /** Returns the number of characters of a text. */
  readonly length: (text: string) => string;
  /** Returns the condition that a text has a NUL in it; null: the database has no such texts. */
  readonly hasNul: ((text: string) => string) | null;
  /** Returns the first characters of a text. */
  readonly cut: (text: string, length: number) => string;
  /**
   * Returns the moment that a column has, in the form of our columns and cut to milliseconds, NULL outside of the years
   * 1000 to 9999; a whole number counts `unit` since 1970. Null if no generated column can have it.
   */
  readonly moment: (column: FoundColumn, unit: 'seconds' | 'milliseconds') => MomentSql | null;
  /** Returns a moment in SQL, in the form of our columns. */
  readonly momentLiteral: (moment: Date) => string;
  readonly truth: (value: boolean) => string;
}

/** An index that is added to another application's table. */
export interface AddedIndex {
  readonly table: string;
  readonly name: string;
  readonly columns: readonly string[];
  readonly isUnique: boolean;
}

/** Everything that differs between databases when Rollcall opens another application's database in place. */
export interface AdoptionRules {
  readonly expressions: ExpressionRules;
  /** Returns a column so that two values are equal only if they are the same, whatever its collation says. */
  readonly exactly: (column: string) => string;
  /** The word for a generated column that has its values where an index needs them. */
  readonly generated: 'virtual' | 'stored';
  /** Returns the type of a derived column, for the type of our own column; `isChoice`: unknown values have another form. */
  readonly derivedType: (ownType: string, isChoice: boolean) => string;
  /** Returns the type for a table that takes few types only, see FoundTable.isStrict. */
  readonly strictType: (type: string) => string;
  /** Returns whether a column has truth values as our own columns do. */
  readonly isTruth: (column: FoundColumn) => boolean;
  /** Whether whole numbers can be negative unless a check forbids it. */
  readonly needsSignCheck: boolean;
  /** Returns the default of an added column for moments: of the rows that are there, and, if it can be another, of later ones. */
  readonly momentDefault: (now: Date) => { readonly first: string; readonly later: string | null };
  /** Whether queries name indexes, so that an equal index with another name is not enough. */
  readonly namesIndexes: boolean;
  /** Returns the statement that adds an index; see alter() for why MySQL builds each by a statement of its own. */
  readonly addIndex: (index: AddedIndex, quoted: (name: string) => string) => string;
  /** Returns the statements that drop indexes of a table: one for all where each waits for those that write. */
  readonly dropIndexes: (
    table: string,
    names: readonly string[],
    quoted: (name: string) => string,
  ) => readonly string[];
  /** Whether the database drops an index that it made for a foreign key by itself when another one can serve the key. */
  readonly dropsIndexesOfKeys: boolean;
  /** The statements that make what our columns need, such as a collation, each with its reverse. */
  readonly preparation: readonly {
    readonly object: string;
    readonly sql: string;
    readonly reverse: string;
    readonly exists: (em: SqlEntityManager) => Promise<boolean>;
  }[];
  /** Returns the schema of the tables, where the ORM's record of the migrations needs its name. */
  readonly schemaName: (em: SqlEntityManager) => Promise<string | undefined>;
  /** The clause of ALTER TABLE by which a column of a count takes negative ones too; null: it does already. */
  readonly signedCount: ((column: string) => string) | null;
  /** Returns the statements by which an empty table has another type in a column of whole numbers. */
  readonly retyped: (table: string, column: string, type: string, isNullable: boolean) => readonly string[];
  /** Returns the type of a variable that has a key of a form which is no number. */
  readonly keyVariable: (form: KeyForm) => string;
  /** Returns the condition that a value of a column is no UUID of a form, in small letters if it is a text. */
  readonly isNoUuid: (column: string, form: StoredUuid) => string;
  /** Returns the digits of bytes, two for each, in small letters. */
  readonly digits: (bytes: string) => string;
  /** The types of columns of our own that have keys of another application. */
  readonly shortText: string;
  readonly shortBytes: string;
  /** The type of texts of any length. */
  readonly longText: string;
  /** What follows the columns of a new table. */
  readonly tableOptions: string;
  /** Whether one ALTER TABLE adds or drops several columns, all of them or none. */
  readonly addsColumnsTogether: boolean;
  /**
   * What the definition of an added column ends with, so that an INSERT without names of columns, and a SELECT of all of
   * them, do not meet it; empty if the database has no such columns.
   */
  readonly columnOption: string;
  /** Whether every value of a column fits into an index: if not, an index would reject a row of theirs. */
  readonly canIndex: (column: FoundColumn) => boolean;
  /** Returns, in words, what adding columns, or an index, locks. */
  readonly effect: (of: 'columns' | 'index') => string;
  /** The procedures, or functions, without arguments; null: the database has none. */
  readonly procedures: {
    readonly word: 'procedure' | 'function';
    /** Returns the comment of one; undefined: there is none of this name. */
    readonly commentOf: (em: SqlEntityManager, name: string) => Promise<string | undefined>;
  } | null;
  /** What to do about others that keep on using the tables, as the beginning of a sentence. */
  readonly endOthers: string;
  /**
   * Runs a statement that changes the schema, so that it locks as little as it can, and waits for others only briefly if
   * others would wait behind it, and nothing is lost.
   */
  readonly run: (em: SqlEntityManager, sql: string) => Promise<void>;
  /** Returns the names of indexes that an interrupted statement has left unusable. */
  readonly brokenIndexes: (em: SqlEntityManager) => Promise<readonly string[]>;
  /**
   * Returns what can go wrong while indexes are added to tables beside writers, with the way out; null: nothing that is
   * known.
   */
  readonly riskOfIndexes: (em: SqlEntityManager, tables: readonly string[]) => Promise<string | null>;
  /** Returns the privileges that are needed to change the tables of theirs, to make those of ours, and to drop these. */
  readonly needs: (theirs: readonly string[], ours: readonly string[]) => readonly RequiredPrivilege[];
}
