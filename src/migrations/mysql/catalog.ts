import type { SqlEntityManager } from '@mikro-orm/sql';
import { tablesOf, type Catalog, type ForeignReference, type PartRow, type TablePart } from '../catalog.js';
import { quotedList } from '../sql-names.js';

/** The catalog of MySQL and MariaDB. */
export const mySqlCatalog: Catalog = {
  async tableNames(em) {
    const sql = 'select table_name as name from information_schema.tables where table_schema = database()';
    return (await em.execute<{ name: string }[]>(sql)).map(({ name }) => name);
  },
  async findTables(em, names) {
    const sql = `select t.table_name as t, t.table_type <> 'BASE TABLE' as isView, c.column_name as name from information_schema.tables t join information_schema.columns c on c.table_schema = t.table_schema and c.table_name = t.table_name
       where t.table_schema = database() and t.table_name in (${quotedList(em, names)})`;
    return tablesOf(await em.execute<(PartRow & { isView: number })[]>(sql));
  },
  indexesOf: (em, tables) =>
    partsOf(
      em,
      `select distinct table_name as t, index_name as name from information_schema.statistics where table_schema = database() and table_name in (${quotedList(em, tables)}) and index_name <> 'PRIMARY' order by 2`,
    ),
  triggersOn: (em, tables) =>
    partsOf(
      em,
      `select event_object_table as t, trigger_name as name from information_schema.triggers where event_object_schema = database() and event_object_table in (${quotedList(em, tables)}) order by 2`,
    ),
  foreignReferences(em, tables) {
    const names = quotedList(em, tables);
    return em.execute<ForeignReference[]>(
      `select concat(if(table_schema = database(), '', concat(table_schema, '.')), table_name, '.', column_name) as place, referenced_table_name as target, constraint_name as name from information_schema.key_column_usage
       where referenced_table_schema = database() and referenced_table_name in (${names}) and not (table_schema = database() and table_name in (${names})) order by 1`,
    );
  },
  referencesWithin: () => Promise.resolve([]),
};

async function partsOf(em: SqlEntityManager, sql: string): Promise<TablePart[]> {
  return (await em.execute<PartRow[]>(sql)).map(({ t, name }) => ({ table: t, name }));
}
