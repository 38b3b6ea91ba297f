/**
 * Returns the statements that create indexes of a table on PostgreSQL. Each ends with the key of the row, by which lists
 * are ordered where the columns are equal: other databases add it by themselves.
 */
export function createIndexes(table: string, indexes: readonly (readonly string[])[]): string[] {
  return indexes.map(
    columns => `create index ${table}_${columns.join('_')}_index on ${table} (${[...columns, 'id'].join(', ')})`,
  );
}
