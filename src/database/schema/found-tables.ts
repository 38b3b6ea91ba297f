import { DatabaseSchema } from '@mikro-orm/sql';
import type { Database } from '../database.js';

import type { ColumnFamily, FoundColumn, FoundTables } from './found-table.js';

/** Reads the catalog of a database: all tables of its default schema. Changes nothing. */
export async function findTables(database: Database): Promise<FoundTables> {
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
            onDelete: refusing.has(key.deleteRule?.toLowerCase()) ? null : key.deleteRule!.toLowerCase(),
          })),
          triggers: table.getTriggers().map(({ name }) => name),
        },
      ];
    }),
  );
}

/** The rules by which a database refuses to delete a row that others refer to. */
const refusing = new Set([undefined, '', 'restrict', 'no action']);

const families: readonly (readonly [form: RegExp, family: ColumnFamily])[] = [
  [/^(bool|tinyint\(1\)|bit\(1\))/, 'boolean'],
  [/^(tinyint|smallint|mediumint|int|bigint|serial|bigserial|year)/, 'whole'],
  [/^(numeric|decimal|real|double|float)/, 'number'],
  [/^uuid/, 'uuid'],
  [/(char|text|clob|enum|citext|json)/, 'text'],
  [/^(date|timestamp)/, 'moment'],
];

function familyOf(type: string): ColumnFamily {
  return families.find(([form]) => form.test(type))?.[1] ?? 'other';
}
