import type { SqlEntityManager } from '@mikro-orm/sql';

/** A table or view that was found in a database. */
export interface CatalogTable {
  readonly isView: boolean;
  readonly columns: readonly string[];
}

/** An index, a trigger or a column of a table. */
export interface TablePart {
  readonly table: string;
  readonly name: string;
}

/** A foreign key by which another table refers to one of some tables. */
export interface ForeignReference {
  /** The column that refers, with its table, and with its database if that is another one. */
  readonly place: string;
  /** The table that is referred to. */
  readonly target: string;
  /** The name of the foreign key; null if it has none. */
  readonly name: string | null;
}

/** The queries that tell which tables a database has, and what belongs to them. */
export interface Catalog {
  /** Returns the names of all tables and views. */
  readonly tableNames: (em: SqlEntityManager) => Promise<string[]>;
  /** Returns the existing ones of these tables and views, by their names. */
  readonly findTables: (em: SqlEntityManager, names: readonly string[]) => Promise<Map<string, CatalogTable>>;
  /** Returns the indexes of tables, by their names, without those that the database created for keys. */
  readonly indexesOf: (em: SqlEntityManager, tables: readonly string[]) => Promise<TablePart[]>;
  /** Returns the triggers on tables, by their names. */
  readonly triggersOn: (em: SqlEntityManager, tables: readonly string[]) => Promise<TablePart[]>;
  /** Returns the foreign keys by which other tables refer to these. */
  readonly foreignReferences: (em: SqlEntityManager, tables: readonly string[]) => Promise<ForeignReference[]>;
  /**
   * Returns the columns by which rows of tables refer to others of their table, if a table cannot be dropped with such
   * rows.
   */
  readonly referencesWithin: (em: SqlEntityManager, tables: readonly string[]) => Promise<TablePart[]>;
}

/** A row of one column, or of one part of a table. */
export interface PartRow {
  readonly t: string;
  readonly name: string;
}

/** Returns tables from rows with one column each. */
export function tablesOf(rows: readonly (PartRow & { readonly isView: number })[]): Map<string, CatalogTable> {
  return new Map(
    [...Map.groupBy(rows, ({ t }) => t)].map(([table, columns]) => [
      table,
      { isView: Number(columns[0]!.isView) === 1, columns: columns.map(({ name }) => name) },
    ]),
  );
}
