import {
  DatabaseSchema,
  SchemaComparator,
  type Column,
  type ForeignKey,
  type IndexDef,
  type TableDifference,
} from '@mikro-orm/sql';
import type { Database } from '../../database/database.js';

/**
 * Returns in words how the tables of a database differ from those that the migrations make, each difference by its
 * place.
 */
export async function schemaDifferences(database: Database): Promise<string[]> {
  const platform = database.em.getPlatform();
  const target = database.schema.getTargetSchema();
  const { skipTables, skipViews } = database.config.get('schemaGenerator');
  const there = await DatabaseSchema.create(
    database.em.getConnection(),
    platform,
    database.config,
    undefined,
    [...target.getNamespaces()],
    undefined,
    skipTables,
    skipViews,
  );
  const { newTables, removedTables, removedViews, changedTables } = new SchemaComparator(platform).compare(
    there,
    target,
  );
  return [
    ...Object.values(newTables).map(({ name }) => `the table ${name} is missing`),
    ...Object.values(changedTables).flatMap(differencesOf),
    ...Object.values(removedTables).map(({ name }) => extra(`the table ${name}`)),
    ...Object.values(removedViews).map(({ name }) => extra(`the view ${name}`)),
  ];
}

function differencesOf(table: TableDifference): string[] {
  const { name } = table;
  const indexes = (found: Readonly<Record<string, IndexDef>>): string[] =>
    Object.values(found).map(({ keyName }) => `the index ${keyName} on ${name}`);
  const keys = (found: Readonly<Record<string, ForeignKey>>): string[] =>
    Object.values(found).map(
      ({ constraintName, columnNames, referencedTableName }) =>
        `the foreign key ${constraintName} of ${name} (${columnNames.join(', ')} to ${referencedTableName.split('.').at(-1)})`,
    );
  const checks = (found: Readonly<Record<string, { readonly name: string }>>): string[] =>
    Object.values(found).map(check => `the check ${check.name} on ${name}`);
  const column = ({ name: columnName }: Column): string => `the column ${name}.${columnName}`;
  return [
    ...Object.values(table.addedColumns).map(one => `${column(one)} is missing`),
    ...Object.values(table.removedColumns).map(one => extra(column(one))),
    ...Object.entries(table.renamedColumns).flatMap(([old, one]) => [
      `${column(one)} is missing`,
      extra(`the column ${name}.${old}`),
    ]),
    ...Object.values(table.changedColumns).map(
      ({ column: wanted, fromColumn }) => `${column(wanted)} is ${typeOf(fromColumn)}, not ${typeOf(wanted)}`,
    ),
    ...indexes(table.addedIndexes).map(one => `${one} is missing`),
    ...indexes(table.removedIndexes).map(extra),
    ...indexes(table.changedIndexes).map(one => `${one} has other columns or another kind`),
    ...Object.entries(table.renamedIndexes).flatMap(([old, one]) => [
      `the index ${one.keyName} on ${name} is missing`,
      extra(`the index ${old} on ${name}`),
    ]),
    ...keys(table.addedForeignKeys).map(one => `${one} is missing`),
    ...keys(table.removedForeignKeys).map(extra),
    ...keys(table.changedForeignKeys).map(one => `${one} is another, or has other rules`),
    ...checks(table.addedChecks).map(one => `${one} is missing`),
    ...checks(table.removedChecks).map(extra),
    ...checks(table.changedChecks).map(one => `${one} checks something else`),
  ];
}

function extra(what: string): string {
  return `${what} is there, and no migration made it`;
}

/** Returns what of a column's definition is compared. */
function typeOf({
  type,
  unsigned,
  nullable,
  autoincrement,
  default: value,
  enumItems,
  extra: more,
  collation,
  comment,
}: Column): string {
  const values = enumItems && enumItems.length > 0 && !type.includes('(') ? ` (${enumItems.join(', ')})` : '';
  return [
    `${type}${values}${unsigned && !type.includes('unsigned') ? ' unsigned' : ''} ${nullable ? 'null' : 'not null'}`,
    ...(autoincrement ? ['auto_increment'] : []),
    ...(value === undefined || value === null || value === 'null' ? [] : [`default ${value}`]),
    ...(more ? [more] : []),
    ...(collation ? [`collate ${collation}`] : []),
    ...(comment ? [`comment '${comment}'`] : []),
  ].join(' ');
}
