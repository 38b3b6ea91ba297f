import { dialectOf, type Database } from '../dialects/dialect.js';
import type { FoundTables } from './found-table.js';

/** Reads the catalog of a database: all tables and views of its default schema. Changes nothing. */
export function findTables(database: Database): Promise<FoundTables> {
  return dialectOf(database).schema.readTables(database.em.fork());
}
