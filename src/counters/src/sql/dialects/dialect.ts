import type { Platform } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { ExactColumn } from '../units.js';

/** Everything that one database does in another way than the others. The rest of the engine does not know which it is. */
export interface Dialect {
  /** Returns true for the platform of this database. */
  readonly isOf: (platform: object) => boolean;
  /** The clause that locks the rows that a SELECT reads; empty where one writer at a time locks the whole database. */
  readonly forUpdate: string;
  /** What stands behind the name of a table to have its rows found by the primary key; empty where that is certain. */
  readonly byPrimaryKey: string;
  /**
   * True where a read that locks rows also locks the entries of the index by which it finds them, and does so first: a
   * write of a row by its key locks them in the other order.
   */
  readonly locksIndexFirst: boolean;
  /**
   * Returns a DELETE of the rows that have some keys, given by the quoted names of their columns and by their number,
   * which locks no other rows; null where every DELETE by keys is such a one.
   */
  readonly deleteByKeys: ((table: string, key: readonly string[], rows: number) => string) | null;
  /** True where one UPDATE of several rows locks them in ascending order of their primary keys. */
  readonly updatesInKeyOrder: boolean;
  /** The operator that compares two values that may be null. */
  readonly nullSafeEqual: string;
  /** The function that returns the highest of its arguments. */
  readonly greatest: string;
  /** The type that a value is cast to in order to be read as text. */
  readonly textType: string;
  /** True where the driver blocks the event loop while a statement runs, so that long reads need to be split. */
  readonly blocksEventLoop: boolean;
  /**
   * The statement by which a session sends values in the form that MikroORM and the engine read, whatever the server, the
   * database and the user have set; null where no setting changes it.
   */
  readonly formatsSql: string | null;
  readonly conditions: ConditionSql;
  readonly sums: SumSql;
  readonly triggers: TriggerDialect;
  /** Returns the query for the columns of a table with a name, of which there is one or none. */
  readonly columnSql: (em: SqlEntityManager, schema: string, table: string, column: string) => string;
  /** Returns the name of the CHECK constraint that a statement violated, or its expression where it has no name. */
  readonly violatedCheck: (error: DatabaseError) => string | undefined;
  /** Returns true for an error that says that a column's type cannot hold a result below zero. */
  readonly isBelowRange: (error: DatabaseError, table: string, column: string) => boolean;
  /**
   * Returns true for an error that ended a transaction because of another one, and that MikroORM does not know as a
   * deadlock or as a wait for a lock that took too long.
   */
  readonly isConflict: (error: DatabaseError) => boolean;
}

/** An error of a database's driver. */
export interface DatabaseError {
  readonly message: string;
  readonly errno?: number;
  readonly code?: unknown;
  readonly constraint?: string;
  readonly table?: string;
  readonly column?: string;
  /** The statement that failed, as it was sent. */
  readonly sql?: string;
}

/** SQL conditions on one column, given by its name in SQL. Where the column is not null, none of them is ever unknown. */
export interface ConditionSql {
  readonly isTrue: (name: string) => string;
  readonly isFalse: (name: string) => string;
  /** The column as a text that is compared byte by byte in UTF-8, and a text in the form to compare it with. */
  readonly text: { readonly of: (name: string) => string; readonly literal: (text: string) => string };
  /** Returns true for a type of column from which a text is read with blanks at its end that nobody has written. */
  readonly addsBlanks: (type: string) => boolean;
  /** Returns the column's number as JavaScript reads it, or null where it has none; `type` is the column's type. */
  readonly number: (name: string, type: string) => string;
  /**
   * Returns the column of whole numbers, decimals or dates for an exact comparison, or null where it has none; `type` is
   * the column's type.
   */
  readonly exact: (name: string, type: string) => string;
  /** Returns the column of days for a comparison with a day, or null where it has none. */
  readonly day: (name: string) => string;
  /** Returns a day, given as 2024-12-31. */
  readonly dayLiteral: (day: string) => string;
  readonly dates: DateSql;
}

/** How a database stores dates with times. */
interface DateSql {
  /** The type whose values are compared. */
  readonly type: string;
  /** Returns how many digits of a second a type keeps; undefined for a type that is not compared. */
  readonly digits: (type: string) => number | undefined;
  /**
   * Returns a date of JavaScript, of a payload or of a row as it is stored, in a form that is equal for equal dates and
   * sorted by time; undefined for something else.
   */
  readonly stored: (platform: Platform, value: unknown) => string | number | bigint | undefined;
  /** Returns a date, to be compared with `exact()`. */
  readonly literal: (platform: Platform, date: Date) => string;
  /**
   * Returns the present time, cut off after so many digits of a second, as the platform stores it; undefined where it
   * stores what the session's time zone makes of it.
   */
  readonly now: (platform: Platform, digits: number) => string | undefined;
}

/**
 * How a database adds whole numbers and decimals, such that no step rounds. An amount in SQL is a number of the decimals
 * of the column that stores the sum, or a whole number of its units where the database has no exact decimals.
 */
export interface SumSql {
  /** True where a column that is declared unsigned holds no negative number, and twice as many others. */
  readonly hasUnsigned: boolean;
  /** The most digits of a decimal that the database keeps exactly. */
  readonly maxDigits: number;
  /** Returns the amount in a column, given by its name in SQL; it is 0 where there is no number. */
  readonly amount: (name: string, column: ExactColumn) => string;
  /** Returns the same amount for a value of that column, as an entity, a payload or a row has it, in units. */
  readonly amountOf: (value: unknown, scale: number) => bigint;
  /** Returns an amount in SQL. */
  readonly literal: (units: bigint, scale: number) => string;
  /** Returns the units of an amount that was read as a text. */
  readonly unitsOf: (text: string, scale: number) => bigint;
  /** Returns a sum after an addition or subtraction, such as `+ 5`; the statement fails if the column cannot hold it. */
  readonly plus: (name: string, change: string, column: ExactColumn) => string;
  /** Returns an amount as the column stores it. */
  readonly stored: (amount: string, column: ExactColumn) => string;
  /** Returns a decimal as the database's driver reads it. */
  readonly read: (decimal: string) => string;
}

/** Statements to be run before something, and after it. */
export interface Bracket {
  readonly begin: readonly string[];
  readonly end: readonly string[];
}

/** What runs at an event. */
export type TriggerBody = readonly [event: string, body: string];

/**
 * A guard: triggers of the targets' table that give a stored count back its value when somebody else than the engine
 * assigns it, and 0 in a new row.
 */
interface GuardDialect {
  /** Returns the bodies of the triggers that guard columns, given in quotes, each with its event. */
  readonly bodies: (columns: readonly string[]) => readonly TriggerBody[];
  /** Returns true for the body of a guard's trigger, and of a trigger that counts beside a guard. */
  readonly isGuarded: (body: string) => boolean;
  /** The statements between which a session may assign stored counts. */
  readonly assigning: Bracket;
}

/** How one database defines, shows and changes triggers. */
interface TriggerDialect {
  /** True where a trigger may change the table whose rows fire it. */
  readonly mayChangeOwnTable: boolean;
  /** True where a trigger may change a table of another schema. */
  readonly mayChangeOtherSchema: boolean;
  /** True where a trigger looks for a table that it names without a schema in its own, and not in that of the session. */
  readonly findsTablesBesideIt: boolean;
  /**
   * True where hooks must leave the counting to triggers that exist, because no trigger can know that hooks count too.
   */
  readonly precedeHooks: boolean;
  /** True where the rows that a foreign key's rule removes or changes fire triggers. */
  readonly firedByForeignKeys: boolean;
  /**
   * Returns the statement by which a session tells triggers that its hooks count, and which counters they keep, by their
   * ids; null where triggers cannot know.
   */
  readonly leaveToHooksSql: ((ids: readonly string[]) => string) | null;
  /**
   * Returns the statements between which triggers do not count, whatever they do in the session otherwise, those for
   * rollouts of some counters neither; null where triggers cannot know. A transaction that fails in between ends that, too.
   */
  readonly withoutCounting: ((ids: readonly string[]) => Bracket) | null;
  /** Returns the bodies of the triggers that keep the counters of one group, each with its event. */
  readonly bodies: (parts: TriggerParts) => readonly TriggerBody[];
  /** How a guard keeps other programs from assigning stored counts; null where no trigger can know who assigns one. */
  readonly guard: GuardDialect | null;
  /** Returns the statements that create a trigger in a schema. */
  readonly create: (em: SqlEntityManager, schema: string, trigger: FoundTrigger) => readonly string[];
  /** Returns the statements that drop a trigger of a schema. */
  readonly drop: (em: SqlEntityManager, schema: string, trigger: FoundTrigger) => readonly string[];
  /** Reads the triggers of a schema, or at least those of some of its tables. */
  readonly find: (em: SqlEntityManager, schema: string, tables: readonly string[]) => Promise<FoundTrigger[]>;
  /**
   * Returns the query for those triggers of a schema, or at least of some of its tables, that have one of the names that
   * `placeholders` stand for, as `name`.
   */
  readonly namesSql: (em: SqlEntityManager, schema: string, tables: readonly string[], placeholders: string) => string;
  /** The condition that triggers count in this session, which a program may have found otherwise; null: they do. */
  readonly countInSession: string | null;
  /** Returns true for the body of a trigger that this engine made, in any version and for any declaration. */
  readonly isOurs: (body: string) => boolean;
  /**
   * Runs statements that change triggers, while nobody else uses the tables, which are in the database's quotes.
   * Errors: COUNTER_STRATEGY where the database's user lacks the privileges.
   */
  readonly change: (em: SqlEntityManager, tables: readonly string[], statements: readonly string[]) => Promise<void>;
}

/** The row of a trigger: as it is after the event, or as it was before. */
export type TriggerRow = 'new' | 'old';

/**
 * What the triggers of a counter are for that some processes do not know: those of a former release, to which it is
 * being added, or those of a new one, which has removed it. `filling`: it is being added, and its rows are not all
 * counted yet; `rolling`: they are; `leaving`: it is being removed.
 */
export type RolloutKind = 'filling' | 'rolling' | 'leaving';

/** A counter whose triggers leave the counting to the hooks of those processes only that keep this counter. */
export interface Rollout {
  readonly kind: RolloutKind;
  /** The counter's id: letters, digits and signs that need no quotes. */
  readonly id: string;
}

/** The SQL from which the triggers of one group of counters are made. */
export interface TriggerParts {
  /** The rollout that the triggers are for; null for those that count whatever no hooks count. */
  readonly rollout: Rollout | null;
  /** True where a guard would undo what the triggers add, unless they say that it is they. */
  readonly guarded: boolean;
  /** The target's table. */
  readonly target: string;
  /** Returns the condition for the row's target. */
  readonly isTargetOf: (row: TriggerRow) => string;
  /** The condition that the row goes from one target to another. */
  readonly moved: string;
  /** The condition that a counter counts the row after the event and not before, or the other way round. */
  readonly recounted: string;
  /** Returns the statement that adds a row to the stored counts of its target, where a condition is met. */
  readonly add: (row: TriggerRow, condition?: string) => string;
  /** Returns the statement that subtracts a row from the stored counts of its target, where a condition is met. */
  readonly subtract: (row: TriggerRow, condition?: string) => string;
  /**
   * Returns the statement that adds what the row counts more or less than before, at the same target, where a condition
   * is met.
   */
  readonly change: (condition?: string) => string;
  /** The columns of the target's key, each with the column that refers to it, in quotes, and with its type. */
  readonly keys: readonly { readonly target: string; readonly foreign: string; readonly type: string }[];
  /**
   * The columns of the stored counts, in quotes, what a row under a name adds to each, whether it may be negative, and
   * what is added to what is stored, for a change with its sign before it.
   */
  readonly counts: readonly {
    readonly column: string;
    readonly counted: (row: string) => string;
    readonly mayBeNegative: boolean;
    readonly floored: (change: string, stored: string) => string;
  }[];
  /** True where the triggers touch targets, so that a change at one target has to be one statement. */
  readonly touches: boolean;
  /**
   * Returns the assignments that touch a target, with the condition that a statement changes the count at a place;
   * `row` goes before each column of the target that is read.
   */
  readonly touched: (changed: (place: number) => string, row: string) => readonly string[];
}

/** A trigger as the database has it. */
export interface FoundTrigger {
  readonly name: string;
  readonly table: string;
  /** The moment and the event, such as `after insert`. */
  readonly event: string;
  /** What runs, with its condition. */
  readonly body: string;
}
