import type { FoundTables } from '../../../database/schema/found-table.js';
import type { TheirDatabase } from '../found/their-database.js';
import type { DatabaseMap } from '../../../map/map-form.js';

/** What a check examines: another application's database, its catalog, and the map of it. */
export interface Examined {
  readonly theirs: TheirDatabase;
  readonly tables: FoundTables;
  readonly map: DatabaseMap;
}

/** The most rows that a finding names; the others are counted. */
export const MAX_NAMED_ROWS = 5;
