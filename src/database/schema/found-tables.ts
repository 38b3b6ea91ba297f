import { DatabaseSchema } from '@mikro-orm/sql';
import type { Database } from '../database.js';

/** What the values of a column are, whatever the database calls their type. */
export type ColumnFamily = 'whole' | 'number' | 'text' | 'boolean' | 'moment' | 'uuid' | 'other';

/** A column of a table that was found. */
export interface FoundColumn {
  readonly name: string;
  /** Its type in the words of the database. */
  readonly type: string;
  readonly family: ColumnFamily;
  readonly nullable: boolean;
  /** Whether the database gives each row its next number there. */
  readonly isNumbered: boolean;
  /** Whether an INSERT may leave it out: it has a default, a number of its own, or an expression. */
  readonly hasDefault: boolean;
  readonly collation: string | null;
  /** The values of a type that has only these, where the type is one of the database; null: another type. */
  readonly labels: readonly string[] | null;
}

/** An index: its name, and its columns in their order. */
export interface FoundIndex {
  readonly name: string;
  readonly columns: readonly string[];
  readonly isUnique: boolean;
}

/** A unique key, the primary key included. */
interface FoundKey {
  readonly name: string;
  readonly columns: readonly string[];
  readonly isPrimary: boolean;
}

/** A foreign key. */
interface FoundReference {
  readonly name: string;
  readonly columns: readonly string[];
  readonly table: string;
  /** What happens to the row when the row that it refers to is deleted: `cascade`, `set null` …; null: the database refuses. */
  readonly onDelete: string | null;
}

/** A table that was found. */
export interface FoundTable {
  readonly name: string;
  readonly columns: ReadonlyMap<string, FoundColumn>;
  readonly keys: readonly FoundKey[];
  /** All indexes, those of keys included. */
  readonly indexes: readonly FoundIndex[];
  readonly references: readonly FoundReference[];
  readonly triggers: readonly string[];
}

/** The tables of a database, by their names. */
export type FoundTables = ReadonlyMap<string, FoundTable>;

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
