import type { SqlEntityManager } from '@mikro-orm/sql';
import { tablesOf, type Catalog, type PartRow, type TablePart } from '../catalog.js';
import { quotedList } from '../sql-names.js';

/** The catalog of SQLite. */
export const sqliteCatalog: Catalog = {
  async tableNames(em) {
    const sql =
      "select name from sqlite_master where type in ('table', 'view') and name not like 'sqlite\\_%' escape '\\'";
    return (await em.execute<{ name: string }[]>(sql)).map(({ name }) => name);
  },
  async findTables(em, names) {
    const sql = `select lower(m.name) as t, m.type = 'view' as isView, lower(c.name) as name from sqlite_master m, pragma_table_info(m.name) c where m.type in ('table', 'view') and lower(m.name) in (${quotedList(em, names)})`;
    return tablesOf(await em.execute<(PartRow & { isView: number })[]>(sql));
  },
  indexesOf: (em, tables) => partsOf(em, tables, 'index'),
  triggersOn: (em, tables) => partsOf(em, tables, 'trigger'),
  async foreignReferences(em, tables) {
    const names = quotedList(em, tables);
    const rows = await em.execute<{ place: string; target: string }[]>(
      `select m.name || '.' || f."from" as place, lower(f."table") as target from sqlite_master m, pragma_foreign_key_list(m.name) f
       where m.type = 'table' and lower(f."table") in (${names}) and lower(m.name) not in (${names}) order by 1`,
    );
    return rows.map(row => ({ ...row, name: null }));
  },
  // SQLite deletes the rows of a table that it drops one after another.
  async referencesWithin(em, tables) {
    if (tables.length === 0) return [];
    const rows = await em.execute<PartRow[]>(
      `select m.name as t, f."from" as name from sqlite_master m, pragma_foreign_key_list(m.name) f
       where m.type = 'table' and lower(f."table") = lower(m.name) and lower(m.name) in (${quotedList(em, tables)}) order by 1, 2`,
    );
    return rows.map(({ t, name }) => ({ table: t, name }));
  },
};

async function partsOf(
  em: SqlEntityManager,
  tables: readonly string[],
  type: 'index' | 'trigger',
): Promise<TablePart[]> {
  const rows = await em.execute<PartRow[]>(
    `select lower(tbl_name) as t, name from sqlite_master where type = '${type}' and sql is not null and lower(tbl_name) in (${quotedList(em, tables)}) order by name`,
  );
  return rows.map(({ t, name }) => ({ table: t, name }));
}
