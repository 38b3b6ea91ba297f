import type { SqlEntityManager } from '@mikro-orm/sql';
import { tablesOf, type Catalog, type ForeignReference, type PartRow, type TablePart } from '../catalog.js';
import { quotedList } from '../sql-names.js';

/** The catalog of PostgreSQL: of the schema in which the tables are. */
export const postgreSqlCatalog: Catalog = {
  async tableNames(em) {
    const sql =
      "select relname as name from pg_class where relnamespace = to_regnamespace(quote_ident(current_schema())) and relkind in ('r', 'p', 'v', 'm', 'f')";
    return (await em.execute<{ name: string }[]>(sql)).map(({ name }) => name);
  },
  async findTables(em, names) {
    const sql = `select c.relname as t, case when c.relkind in ('r', 'p') then 0 else 1 end as "isView", a.attname as name from pg_class c join pg_attribute a on a.attrelid = c.oid
       where c.relnamespace = to_regnamespace(quote_ident(current_schema())) and c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relname in (${quotedList(em, names)}) and a.attnum > 0 and not a.attisdropped order by a.attnum`;
    return tablesOf(await em.execute<(PartRow & { isView: number })[]>(sql));
  },
  indexesOf: (em, tables) =>
    partsOf(
      em,
      `select t.relname as t, i.relname as name from pg_index x join pg_class t on t.oid = x.indrelid join pg_class i on i.oid = x.indexrelid
       where t.relnamespace = to_regnamespace(quote_ident(current_schema())) and t.relname in (${quotedList(em, tables)}) and not x.indisprimary order by 2`,
    ),
  triggersOn: (em, tables) =>
    partsOf(
      em,
      `select t.relname as t, g.tgname as name from pg_trigger g join pg_class t on t.oid = g.tgrelid
       where t.relnamespace = to_regnamespace(quote_ident(current_schema())) and t.relname in (${quotedList(em, tables)}) and not g.tgisinternal order by 2`,
    ),
  foreignReferences(em, tables) {
    const ours = `select oid from pg_class where relnamespace = to_regnamespace(quote_ident(current_schema())) and relname in (${quotedList(em, tables)})`;
    return em.execute<ForeignReference[]>(
      `select case when t.relnamespace = to_regnamespace(quote_ident(current_schema())) then '' else t.relnamespace::regnamespace || '.' end || t.relname || '.' || a.attname as place, r.relname as target, k.conname as name
       from pg_constraint k join pg_class t on t.oid = k.conrelid join pg_class r on r.oid = k.confrelid join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
       where k.contype = 'f' and k.confrelid in (${ours}) and k.conrelid not in (${ours}) order by 1`,
    );
  },
  referencesWithin: () => Promise.resolve([]),
};

async function partsOf(em: SqlEntityManager, sql: string): Promise<TablePart[]> {
  return (await em.execute<PartRow[]>(sql)).map(({ t, name }) => ({ table: t, name }));
}
