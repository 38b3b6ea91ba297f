import { DatabaseSchema } from '@mikro-orm/sql';
import { dialectOf, type Database } from '../dialects/dialect.js';
import { familyOf, referenceRule, type FoundColumn, type FoundTables } from './found-table.js';

/** Reads the catalog of a database: all tables of its default schema. Changes nothing. */
export async function findTables(database: Database): Promise<FoundTables> {
  const { readTables } = dialectOf(database).schema;
  if (readTables !== null) return readTables(database.em.fork());
  const connection = database.em.getConnection();
  const platform = database.em.getPlatform();
  const schema = await DatabaseSchema.create(connection, platform, database.config);
  return new Map(
    schema.getTables().map(table => {
      const columns = table.getColumns().map((column): FoundColumn => {
        const type = column.type.toLowerCase();
        return {
          name: column.name,
          type,
          family: familyOf(type),
          nullable: column.nullable === true,
          isNumbered: column.autoincrement === true,
          hasDefault:
            (column.default !== null && column.default !== undefined) ||
            column.autoincrement === true ||
            column.generated !== undefined,
          collation: column.collation ?? table.collation ?? null,
          labels: column.nativeEnumName === undefined ? null : (column.enumItems ?? []),
          allowed: column.enumItems ?? [],
        };
      });
      return [
        table.name,
        {
          name: table.name,
          columns: new Map(columns.map(column => [column.name, column])),
          keys: table
            .getIndexes()
            .filter(({ unique, primary }) => unique || primary)
            .map(({ keyName, columnNames, primary }) => ({ name: keyName, columns: columnNames, isPrimary: primary })),
          indexes: table
            .getIndexes()
            .map(({ keyName, columnNames, unique }) => ({ name: keyName, columns: columnNames, isUnique: unique })),
          references: Object.values(table.getForeignKeys()).map(key => ({
            name: key.constraintName,
            columns: key.columnNames,
            table: key.referencedTableName.split('.').at(-1)!,
            onDelete: referenceRule(key.deleteRule),
          })),
          triggers: table.getTriggers().map(({ name }) => name),
        },
      ];
    }),
  );
}
