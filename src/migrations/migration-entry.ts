import type { Constructor } from '@mikro-orm/core';
import type { Migration } from '@mikro-orm/migrations';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { MadeTable } from './made-tables.js';
import type { OwnProcedure } from './procedures.js';

/** One migration, with the name that the database records. */
export interface MigrationEntry {
  readonly name: string;
  readonly class: Constructor<Migration>;
  /** The tables that it makes, in the order in which undoing it drops them, with their rows. */
  readonly tables: readonly MadeTable[];
  /** The columns that it adds to existing tables, each after its table and a point. */
  readonly columns?: readonly string[];
  /** The indexes that it makes on existing tables. */
  readonly indexes?: readonly string[];
  /**
   * The tables whose columns it alters, none of them users, courses or enrollments. It then also runs in a database of
   * another application that was opened in place: it adds all of its SQL by `addSql()`, and can be run twice.
   */
  readonly alters?: readonly string[];
  /** The procedure that it makes, unless another application has one of this name. */
  readonly procedure?: OwnProcedure;
  /** Returns the privileges that it needs in a database in its present state. */
  readonly needs: (em: SqlEntityManager) => Promise<readonly RequiredPrivilege[]>;
}

/** A privilege on all of these tables, or on the whole database (null). */
export interface RequiredPrivilege {
  readonly privilege: string;
  readonly tables: readonly string[] | null;
}
