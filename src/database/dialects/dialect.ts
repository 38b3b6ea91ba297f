import type { Configuration, MikroORM, Options as OrmOptions } from '@mikro-orm/core';
import type { AbstractSqlDriver, SqlEntityManager } from '@mikro-orm/sql';
import type { Expression, Kysely, SelectQueryBuilder, SqlBool } from 'kysely';
import type { CountInSql, CountWords } from '../../migrations/count-sql.js';
import type { MigrationEntry, RequiredPrivilege } from '../../migrations/migration-entry.js';
import type { Catalog } from '../../migrations/catalog.js';
import type { MissingPrivilegeError } from '../../migrations/missing-privilege-error.js';
import type { Fault, FaultKind } from '../faults/fault.js';
import type { FoundTables } from '../schema/found-table.js';
import type { Tables } from '../tables.js';
import type { NamedDatabase } from '../texts/named-database.js';
import type { AdoptionRules } from './adoption-rules.js';
import type { Finding } from './finding.js';

/** The ORM, connected to a database by a driver that carries the dialect of that database. */
export type Database = MikroORM<AbstractSqlDriver>;

/** The kind of a database: a scheme of its URLs. */
export type DatabaseKind = 'sqlite' | 'mysql' | 'mariadb' | 'postgresql';

/** The options of MikroORM.init. */
export type Options = Partial<OrmOptions>;

/**
 * Everything that Rollcall must know about one kind of database: what it can do, and how. A folder beside this file has
 * it for each kind, and `dialects.ts` lists them; no other file asks which kind of database is in use.
 */
export interface Dialect {
  /** Its kind, which also names it in traces and in backups. */
  readonly kind: DatabaseKind;
  /** Its name for people. */
  readonly title: string;
  /** The oldest version on which all of Rollcall runs. */
  readonly minVersion: readonly [major: number, minor: number];
  /** Whether it is a file on this machine, whose URL is the scheme and a path; otherwise it is a server. */
  readonly isFile: boolean;
  /** The schemes of its URLs; its kind is the first. */
  readonly schemes: readonly [DatabaseKind, ...string[]];
  /** The form of its URLs, for messages. */
  readonly urlForm: string;
  /** Returns what an error of this database means; null if the error does not come from this database. */
  readonly faultOf: (error: unknown) => Fault | null;
  /**
   * Returns what an error means for a person who runs a command, and what to do about it; null if the kind of the error
   * says enough. The text names the database as given.
   */
  readonly explain: (error: object, named: NamedDatabase) => string | null;
  readonly connections: ConnectionRules;
  readonly sql: SqlRules;
  readonly schema: SchemaRules;
  /** The privileges of its users; null if it has no users, and every program that can open it may do everything. */
  readonly privileges: PrivilegeRules | null;
  readonly inspection: Inspection;
  /** What differs when another application's database is opened in place. */
  readonly adoption: AdoptionRules;
  readonly scripts: ScriptRules;
}

/** The SQL scripts for the database's own client. */
export interface ScriptRules {
  /** Their files, in the folder `schema`. */
  readonly files: {
    readonly verify: string;
    readonly update: string;
    /** Null: the database has no procedures. */
    readonly procedure: string | null;
  };
  readonly words: CountWords;
  /** Returns what the script that updates the counts says of them, by the names that its template has for it. */
  readonly updating: (counts: readonly CountInSql[]) => Readonly<Record<string, string>>;
}

/** The use that this process makes of its connections to a database. */
export interface PoolUse {
  /** The number of connections that run a statement or hold a transaction, or are being opened. */
  readonly active: number;
  readonly idle: number;
  /** The number of callers that wait for a connection. */
  readonly waiting: number;
  /** The most connections that it may open. */
  readonly most: number;
}

/** Whose database is opened: our own, or another application's, which is read, or also changed. */
export type Owner = 'ours' | 'read theirs' | 'change theirs';

/** The rules for connecting to a database. */
interface ConnectionRules {
  /**
   * Returns the driver for a URL, loaded at the first use, with MikroORM's options that belong to it.
   */
  readonly options: (url: string, owner: Owner) => Promise<Options>;
  /** Returns how the connections are used now, without a query. */
  readonly use: (database: Database) => Promise<PoolUse>;
  /**
   * Runs work in the transaction of an entity manager that may send nothing for some seconds, or for long (null), for
   * example while it writes to a slow pipe.
   */
  readonly withIdleLimit: <Result>(
    em: SqlEntityManager,
    seconds: number | null,
    work: () => Promise<Result>,
  ) => Promise<Result>;
  /** Queries the database, and returns in a few words why it accepts no changes; null if it states no reason. */
  readonly reasonForNoChanges: (database: Database) => Promise<string | null>;
  /** The kinds of fault that make a server not ready but that such a query cannot detect. */
  readonly unseenFaults: readonly FaultKind[];
}

/** What a query does with rows that another transaction has locked: it waits for them, which is usual, or leaves them out. */
export type WhenLocked = 'wait' | 'skip';

/** A column, and the value with which it is compared. */
export interface Compared {
  readonly column: Expression<unknown>;
  readonly value: unknown;
}

/** A place in the order of a list, beyond which its rows are read: the columns of the order, the key last, and its values. */
export interface Bound {
  readonly operator: '<' | '>';
  readonly place: readonly Compared[];
}

/** Returns a text for a UUID, such that the texts have the order in which a database has the UUIDs. */
export type UuidOrder = (uuid: string) => string;

/** The SQL that differs between the databases. */
export interface SqlRules {
  /** Returns SQL for this moment, or some seconds later, by the database's clock, in the format of its columns. */
  readonly now: (secondsLater?: number) => string;
  /** The orders in which versions of the database have the UUIDs of its own type, that of the newest first. */
  readonly uuidOrders: readonly UuidOrder[];
  /** Returns the condition that a column has a text, regardless of case and accents. */
  readonly isText: (column: Expression<string>, text: string) => Expression<SqlBool>;
  /** Returns the condition that a column is like a pattern with the escape character `!`, regardless of case and accents. */
  readonly isLike: (column: Expression<string>, pattern: string) => Expression<SqlBool>;
  /**
   * Returns the condition that a key is among those of a query, which are few: each is looked up. The query builder
   * writes the query in parentheses.
   */
  readonly isAmongFew: (key: Expression<unknown>, keys: Expression<unknown>) => Expression<SqlBool>;
  /** Whether an index of a column has the rows with a text, and with texts that begin with one. */
  readonly indexesTexts: { readonly equal: boolean; readonly beginnings: boolean };
  /**
   * Returns the condition that a row is beyond a place in the order of a column, and of the key where that is equal: the
   * condition by which the database finds the place in an index with both.
   */
  readonly isBeyond: (column: Compared, key: Compared, operator: '<' | '>') => Expression<SqlBool>;
  /** Returns a query that also locks the rows that it reads, unless a transaction excludes all other writers anyway. */
  readonly forUpdate: <All, From extends keyof All, Row>(
    query: SelectQueryBuilder<All, From, Row>,
    whenLocked?: WhenLocked,
  ) => SelectQueryBuilder<All, From, Row>;
  /** Returns a query that also keeps others from changing the rows that it reads, but not from doing the same. */
  readonly forShare: <All, From extends keyof All, Row>(
    query: SelectQueryBuilder<All, From, Row>,
    whenLocked?: WhenLocked,
  ) => SelectQueryBuilder<All, From, Row>;
  /**
   * Returns a query of the rows that have values in some columns, in whose order by other columns they are then read: by
   * an index of those columns and these. Without such a form of the conditions, PostgreSQL prefers an index that has only
   * the order, or one of the columns and the order, and reads all rows with other values on the way. The query reads
   * beyond some bounds.
   */
  readonly withOnly: <Table extends keyof Tables>(
    query: SelectQueryBuilder<Tables, Table, object>,
    only: readonly Compared[],
    direction: 'asc' | 'desc',
    bounds: readonly Bound[],
  ) => SelectQueryBuilder<Tables, Table, object>;
  /**
   * Returns a query that reads a table by the index of this name, unless it is missing. If the database chooses the
   * right index by itself, the query names none.
   */
  readonly selectByIndex: <Table extends keyof Tables>(
    db: Kysely<Tables>,
    table: Table,
    index: string,
  ) => SelectQueryBuilder<Tables, Table, object>;
}

/** The rules for reading and changing the schema of a database. */
interface SchemaRules {
  /** The migrations, oldest first. */
  readonly migrations: readonly MigrationEntry[];
  /** The queries that tell which tables the database has. */
  readonly catalog: Catalog;
  /** Reads all tables and views. */
  readonly readTables: (em: SqlEntityManager) => Promise<FoundTables>;
  /** Returns the other schemas, or databases of the server, that have one of some tables, or any if none is named. */
  readonly otherPlaces: (em: SqlEntityManager, table: string | null) => Promise<readonly string[]>;
  /** How a table of another place can be read, in a sentence. */
  readonly wayToOtherPlaces: string;
  /**
   * Whether schema changes belong to the transaction in which they are made, which also makes all other processes wait;
   * if not, each is committed by itself.
   */
  readonly isTransactional: boolean;
  /**
   * Does work while no other process changes this database's schema. Errors: MigrationRefused if another process takes
   * too long.
   */
  readonly exclusively: <Result>(database: Database, work: () => Promise<Result>) => Promise<Result>;
  /** Returns true for the error that a database or table to be created exists already. */
  readonly isMadeByAnother: (error: unknown) => boolean;
  /** Returns true for the error that another process has locked the whole database for a moment. */
  readonly isHeldByAnother: (error: unknown) => boolean;
  /** Returns true for the error of connecting to a database that does not exist. */
  readonly isMissing: (error: unknown) => boolean;
  /**
   * Makes the next keys of tables follow those that rows have brought along; most databases do so by themselves.
   */
  readonly followKeys: (database: Database, tables: readonly string[]) => Promise<void>;
  /**
   * Returns the fraction of its work, from 0 to 1, that an ALTER TABLE in this database has done, copying a table or
   * building its indexes; null if the database does not report it.
   */
  readonly alteredShare: (database: Database) => Promise<number | null>;
}

/** The privileges of a database's users. */
export interface PrivilegeRules {
  /** The privileges that are needed for the triggers that maintain the counts. */
  readonly forTriggers: readonly RequiredPrivilege[];
  /** Returns the privileges that are needed to record migrations in a table; `isNew`: the table must be created. */
  readonly toRecord: (table: string, isNew: boolean) => readonly RequiredPrivilege[];
  /**
   * Returns the privileges that are needed to drop tables, and to see everything that is dropped with them, such as their
   * triggers.
   */
  readonly toDrop: (tables: readonly string[]) => readonly RequiredPrivilege[];
  /** Returns the privileges, beside those on the tables themselves, that are needed to add rows to tables. */
  readonly toAddRows: (tables: readonly string[]) => readonly RequiredPrivilege[];
  /** Returns the needed privileges that the user lacks, each once; null if the database does not show them. */
  readonly missing: (database: Database, needs: readonly RequiredPrivilege[]) => Promise<string[] | null>;
  /** Returns the error that names the privileges that the user lacks, and the user. */
  readonly refusal: (database: Database, privileges: readonly string[]) => Promise<MissingPrivilegeError>;
  /** Returns the statements that grant privileges on all of a database, for advice; they name no user. */
  readonly grantSql: (database: Database, privileges: readonly string[]) => string;
  /** Returns true for the error of a statement that the user may not run on a table. */
  readonly isDenied: (error: unknown) => boolean;
  /**
   * Examines whether the user may create and drop the triggers that maintain the counts; `exist`: they exist already.
   */
  readonly examineTriggers: (database: Database, exist: boolean) => Promise<Finding[]>;
}

/** The way in which a database would run a statement. */
interface Plan {
  /** The index in which it would look up values; null if it would read all rows, even in the order of an index. */
  readonly index: string | null;
  /** The indexes that it has considered. */
  readonly possible: readonly string[];
  /** The plan in the database's own words. */
  readonly text: string;
}

/** The type of a column of whole numbers. */
export interface NumberType {
  readonly name: string;
  readonly highest: bigint;
}

/** The queries of the doctor. */
export interface Inspection {
  readonly version: (database: Database) => Promise<string>;
  /** Returns the kind to which a version belongs: a server may be of another kind than its URL says. */
  readonly kindOf: (version: string) => DatabaseKind;
  /** Examines the settings of the connections, or of the server. */
  readonly examineSettings: (database: Database) => Promise<Finding[]>;
  /** Examines the disk of a database that is a file. */
  readonly examineDisk: (database: Database) => Promise<Finding[]>;
  /**
   * Returns the time of the database's clock, in milliseconds since 1970; null if it uses the clock of this machine.
   */
  readonly clock: (database: Database) => Promise<number | null>;
  /** Examines how tables are stored, and how their texts are compared. */
  readonly examineStorage: (database: Database, tables: readonly string[]) => Promise<Finding[]>;
  /** Examines whether a rollback undoes changes to tables; returns no finding if it does. */
  readonly examineRollback: (database: Database, tables: readonly string[]) => Promise<Finding[]>;
  /**
   * Returns the types of the columns that hold fewer numbers than 64 bits do, or unsigned ones, each by `table.column`.
   */
  readonly numberTypes: (database: Database) => Promise<ReadonlyMap<string, NumberType>>;
  /** Returns the highest number that a table's key, in a column, has had: the numbers of deleted rows are not used again. */
  readonly highestKey: (database: Database, table: string, key: string) => Promise<bigint>;
  /** Returns how the database would run a statement. */
  readonly plan: (database: Database, sql: string, parameters: readonly unknown[]) => Promise<Plan>;
  /** Returns the names of the indexes whose first column is this one. */
  readonly indexesStartingWith: (database: Database, table: string, column: string) => Promise<string[]>;
  /** Returns the statement that updates the database's statistics about a table. */
  readonly analyzeSql: (database: Database, table: string) => string;
}

/** A driver that carries the dialect of its database. */
type CarryingDriver = AbstractSqlDriver & { readonly dialect: Dialect };

/** The class of a driver. */
export type DriverClass = new (configuration: Configuration) => AbstractSqlDriver;

/** Returns a driver class like another one, whose drivers carry a dialect. */
export function driverWithDialect(
  driver: NonNullable<Options['driver']>,
  dialect: Dialect,
): NonNullable<Options['driver']> {
  return class extends (driver as unknown as DriverClass) {
    readonly dialect = dialect;
  };
}

/** Returns the dialect of an open database, or of the database of an entity manager. */
export function dialectOf(opened: Database | SqlEntityManager): Dialect {
  const driver = 'getDriver' in opened ? opened.getDriver() : opened.driver;
  return (driver as CarryingDriver).dialect;
}
