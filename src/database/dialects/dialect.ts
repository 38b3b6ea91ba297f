import type { Configuration, MikroORM, Options as OrmOptions } from '@mikro-orm/core';
import type { AbstractSqlDriver, SqlEntityManager } from '@mikro-orm/sql';
import type { Expression, Kysely, SelectQueryBuilder } from 'kysely';
import type { MigrationEntry, Need } from '../../migrations/migration-entry.js';
import type { Catalog } from '../../migrations/catalog.js';
import type { MissingPrivilegeError } from '../../migrations/missing-privilege-error.js';
import type { Fault, FaultKind } from '../faults/fault.js';
import type { Tables } from '../tables.js';
import type { Finding } from './finding.js';

/** The ORM, connected to a database by a driver that carries the dialect of that database. */
export type Database = MikroORM<AbstractSqlDriver>;

/** The kind of a database: the scheme of its URL. */
export type DatabaseKind = 'sqlite' | 'mysql' | 'mariadb';

/** The options of MikroORM.init. */
export type Options = Partial<OrmOptions>;

/**
 * All that Rollcall must know of one kind of database: what it can do, and how. A folder beside this file has it for
 * each kind, and `dialects.ts` lists them; no other file asks which kind of database is there.
 */
export interface Dialect {
  /** Its kind, which also names it in traces and in backups. */
  readonly kind: DatabaseKind;
  /** Its name for people. */
  readonly title: string;
  /** The oldest version on which all of Rollcall runs. */
  readonly minVersion: readonly [major: number, minor: number];
  /** Whether it is a file of this machine, whose URL is the scheme and a path; if not, it is a server. */
  readonly isFile: boolean;
  /** The form of its URLs, for messages. */
  readonly urlForm: string;
  /** Returns what an error of this database means; null: the error is none of this database. */
  readonly faultOf: (error: unknown) => Fault | null;
  /**
   * Returns what an error means for a person who runs a command, and what to do about it; null: the kind of the error
   * says enough. The text quotes the URL as it is given.
   */
  readonly explain: (error: object, shownUrl: string) => string | null;
  readonly connections: ConnectionRules;
  readonly sql: SqlRules;
  readonly schema: SchemaRules;
  /** What its users may do; null: it has no users, and a program that can open it may do everything. */
  readonly privileges: PrivilegeRules | null;
  readonly inspection: Inspection;
}

/** The use that this process makes of its connections to a database. */
export interface PoolUse {
  /** The number of connections that run a statement or hold a transaction, or are being opened. */
  readonly active: number;
  readonly idle: number;
  /** The number of callers that wait for a connection. */
  readonly waiting: number;
  /** The most connections that there can be. */
  readonly most: number;
}

/** The rules for connecting to a database. */
interface ConnectionRules {
  /** Returns the driver for a URL, loaded now, with MikroORM's options that belong to it. */
  readonly options: (url: string) => Promise<Options>;
  /** Returns how the connections are used now; asks the database nothing. */
  readonly use: (database: Database) => Promise<PoolUse>;
  /**
   * Does work in the transaction of an entity manager that may do nothing for long, as while it writes to a slow pipe.
   */
  readonly withoutIdleLimit: <Result>(em: SqlEntityManager, work: () => Promise<Result>) => Promise<Result>;
  /** Asks the database, and returns in a few words why it takes no changes; null: none is known. */
  readonly reasonForNoChanges: (database: Database) => Promise<string | null>;
  /** The kinds of fault, among those that make a server not ready, that such a question cannot find. */
  readonly unseenFaults: readonly FaultKind[];
}

/** The SQL of ours that differs between the databases. */
export interface SqlRules {
  /** Returns SQL for this moment, or some seconds later, by the database's clock, as its columns hold moments. */
  readonly now: (secondsLater?: number) => string;
  /** Returns the expression by which a text is compared, with = and LIKE, regardless of case and accents. */
  readonly folded: (text: Expression<string>) => Expression<string>;
  /** Returns a query that also locks the rows that it reads, unless a transaction keeps all other writers out. */
  readonly forUpdate: <All, From extends keyof All, Row>(
    query: SelectQueryBuilder<All, From, Row>,
  ) => SelectQueryBuilder<All, From, Row>;
  /**
   * Returns a query of a table that is read by the index of this name; null: by any index but the primary key. Where
   * the database chooses the right index by itself, the query names none.
   */
  readonly selectByIndex: <Table extends keyof Tables>(
    db: Kysely<Tables>,
    table: Table,
    index: string | null,
  ) => SelectQueryBuilder<Tables, Table, object>;
  /**
   * Whether a correlated subquery with ORDER BY the key and LIMIT 1 reads and sorts all its rows, while one with min()
   * or max() of the key does not.
   */
  readonly sortsForFirst: boolean;
}

/** The rules for reading and changing the schema of a database. */
interface SchemaRules {
  /** The migrations, oldest first. */
  readonly migrations: readonly MigrationEntry[];
  /** How the database tells which tables it has. */
  readonly catalog: Catalog;
  /**
   * Whether schema changes belong to the transaction in which they are made, which also holds off all other processes;
   * if not, each is committed by itself.
   */
  readonly isTransactional: boolean;
  /**
   * Does work while no other process changes this database's schema. Errors: MigrationRefused where another one takes
   * too long.
   */
  readonly exclusively: <Result>(database: Database, work: () => Promise<Result>) => Promise<Result>;
  /** Returns true for an error which means that a database or table that was to be made is there already. */
  readonly isMadeByAnother: (error: unknown) => boolean;
  /** Returns true where another process keeps all of the database for itself, for a moment. */
  readonly isHeldByAnother: (error: unknown) => boolean;
  /** Returns true for the error of connecting to a database that is not there. */
  readonly isMissing: (error: unknown) => boolean;
  /**
   * Returns which share of its work an ALTER TABLE has done that runs in this database, copying a table or building its
   * indexes, from 0 to 1; null: the database does not say.
   */
  readonly alteredShare: (database: Database) => Promise<number | null>;
}

/** The privileges of a database's users. */
export interface PrivilegeRules {
  /** The privileges that triggers need which keep the counts. */
  readonly forTriggers: readonly Need[];
  /** Returns the privileges that it takes to record migrations in a table; `isNew`: it is to be made. */
  readonly toRecord: (table: string, isNew: boolean) => readonly Need[];
  /** Returns those privileges that the user lacks, each once; null: the database does not show it. */
  readonly missing: (database: Database, needs: readonly Need[]) => Promise<string[] | null>;
  /** Returns the error that names privileges which the user lacks, with its account. */
  readonly refusal: (database: Database, privileges: readonly string[]) => Promise<MissingPrivilegeError>;
  /** Returns the statement that grants privileges on all of a database, for advice; it names no user. */
  readonly grantSql: (database: Database, privileges: readonly string[]) => string;
  /** Returns true for the error of a statement that the user may not run on a table. */
  readonly isDenied: (error: unknown) => boolean;
  /** Examines whether the user may make and drop the triggers that keep the counts; `exist`: they are made already. */
  readonly examineTriggers: (database: Database, exist: boolean) => Promise<Finding[]>;
}

/** The way in which a database would run a statement. */
interface Plan {
  /** The index in which it would look up values; null: it would read all rows, be it in the order of an index. */
  readonly index: string | null;
  /** The indexes that it has considered. */
  readonly possible: readonly string[];
  /** Its own words for it. */
  readonly text: string;
}

/** A type of whole numbers of a column. */
export interface NumberType {
  readonly name: string;
  readonly highest: bigint;
}

/** The questions that the doctor asks a database. */
export interface Inspection {
  readonly version: (database: Database) => Promise<string>;
  /** Returns the kind that a version is of: a server may be of another than its URL says. */
  readonly kindOf: (version: string) => DatabaseKind;
  /** Examines the settings of the connections, or of the server. */
  readonly examineSettings: (database: Database) => Promise<Finding[]>;
  /** Examines the disk of a database that is a file. */
  readonly examineDisk: (database: Database) => Promise<Finding[]>;
  /** Returns what the database's clock says, in milliseconds since 1970; null: it has none but that of this machine. */
  readonly clock: (database: Database) => Promise<number | null>;
  /** Examines how tables are stored, and how their texts are compared. */
  readonly examineStorage: (database: Database, tables: readonly string[]) => Promise<Finding[]>;
  /** Examines whether a rollback undoes changes to tables; no finding: it does. */
  readonly examineRollback: (database: Database, tables: readonly string[]) => Promise<Finding[]>;
  /**
   * Returns the types of the columns that hold fewer numbers than 64 bits do, or unsigned ones, each by `table.column`.
   */
  readonly numberTypes: (database: Database) => Promise<ReadonlyMap<string, NumberType>>;
  /** Returns the highest number that a table's key has had: those of deleted rows are not given again. */
  readonly highestKey: (database: Database, table: string) => Promise<bigint>;
  /** Returns how the database would run a statement. */
  readonly plan: (database: Database, sql: string, parameters: readonly unknown[]) => Promise<Plan>;
  /** Returns the names of the indexes whose first column is this one. */
  readonly indexesStartingWith: (database: Database, table: string, column: string) => Promise<string[]>;
  /** Returns the statement after which the database knows how many rows of which values a table has. */
  readonly analyzeSql: (table: string) => string;
}

/** A driver that carries the dialect of its database. */
type CarryingDriver = AbstractSqlDriver & { readonly dialect: Dialect };

/** The class of a driver. */
type DriverClass = new (configuration: Configuration) => AbstractSqlDriver;

/** Returns a driver class like another one, whose drivers carry a dialect. */
export function carrying(driver: NonNullable<Options['driver']>, dialect: Dialect): NonNullable<Options['driver']> {
  return class extends (driver as unknown as DriverClass) {
    readonly dialect = dialect;
  };
}

/** Returns the dialect of a database that is open, or of an entity manager's. */
export function dialectOf(opened: Database | SqlEntityManager): Dialect {
  const driver = 'getDriver' in opened ? opened.getDriver() : opened.driver;
  return (driver as CarryingDriver).dialect;
}
