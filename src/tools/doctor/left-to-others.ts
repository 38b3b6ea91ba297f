import type { Database } from '../../database/database.js';
import { mapOf } from '../../database/mapped/mapped-driver.js';
import { tableOfPart } from '../../database/mapped/stored-names.js';
import type { TableName } from '../../database/tables.js';
import { mapParts } from '../../map/map-form.js';
import { mappedTable } from '../../map/mapped-table.js';

/** Returns whether a map leaves the rows of one of our tables to another application. */
export function isLeftToOthers({ driver }: Database, table: TableName): boolean {
  const map = mapOf(driver);
  const part = mapParts.find(one => tableOfPart(one) === table);
  return map !== null && part !== undefined && mappedTable(map, part).isReadOnly;
}
