import type { Database } from '../../src/database/database.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import { quotedName } from '../../src/migrations/sql-names.js';

/** The queries for everything that a database of PostgreSQL has in its schema, as text. */
const postgreSqlParts = [
  `select c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull || ' ' || a.attgenerated::text || ' ' || coalesce(pg_get_expr(d.adbin, d.adrelid), '') as line
   from pg_class c join pg_attribute a on a.attrelid = c.oid left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
   where c.relnamespace = to_regnamespace(current_setting('search_path')) and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped`,
  `select pg_get_indexdef(i.indexrelid) || ' ' || i.indisvalid as line from pg_index i join pg_class c on c.oid = i.indexrelid where c.relnamespace = to_regnamespace(current_setting('search_path'))`,
  `select conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) as line from pg_constraint where connamespace = to_regnamespace(current_setting('search_path'))`,
  `select 'collation ' || collname as line from pg_collation where collnamespace = to_regnamespace(current_setting('search_path'))`,
  `select 'sequence ' || relname as line from pg_class where relnamespace = to_regnamespace(current_setting('search_path')) and relkind = 'S'`,
];

/** Returns the definition of everything in a database, in the words of the database, one line or table each. */
export async function definitionsIn(database: Database, kind: DatabaseKind): Promise<string[]> {
  const read = <Row extends object>(sql: string): Promise<Row[]> => database.em.getConnection().execute<Row[]>(sql);
  if (kind === 'sqlite')
    return (
      await read<{ sql: string }>(
        "select sql from sqlite_master where name not like 'sqlite\\_%' escape '\\' and sql is not null order by name",
      )
    ).map(({ sql }) => sql);
  if (kind === 'postgresql') {
    const lines: string[] = [];
    for (const sql of postgreSqlParts)
      lines.push(...(await read<{ line: string }>(sql)).map(({ line }) => line).toSorted());
    return lines;
  }
  const tables = await read<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = database() and table_type = 'BASE TABLE' order by 1",
  );
  const made: string[] = [];
  for (const { name } of tables)
    made.push(
      (await read<Record<string, string>>(`show create table ${quotedName(database.em, name)}`))[0]![
        'Create Table'
      ]!.replace(/ AUTO_INCREMENT=\d+/, ''),
    );
  return made;
}
