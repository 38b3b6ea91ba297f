import { SqliteDriver, type SqlEntityManager } from '@mikro-orm/sql';
import { triggerStatus } from '../counters/index.js';
import type { MadeTable } from './made-tables.js';

/** A table or view of a name that ours have, as it is found. */
interface FoundTable {
  readonly isView: boolean;
  readonly columns: readonly string[];
}

interface Part {
  readonly t: string;
  readonly name: string;
}

/**
 * Returns, in words, what else than a migration's own work would go or be cut off if its tables were dropped: tables of
 * other columns, indexes and triggers that others made, and foreign keys by which other tables refer to them.
 */
export async function othersIn(em: SqlEntityManager, made: readonly MadeTable[]): Promise<string[]> {
  const found = await findTables(em, made);
  const there = made.filter(({ name }) => found.has(name));
  if (there.length === 0) return [];
  const names = there.map(({ name }) => name);
  const ownIndexes = new Set(there.flatMap(({ indexes }) => indexes));
  return [
    ...there.flatMap(table => {
      const difference = differenceOf(table, found.get(table.name)!);
      return difference === null ? [] : [`${table.name} (${difference})`];
    }),
    ...(await partsOf(em, names, 'index'))
      .filter(({ name }) => !ownIndexes.has(name))
      .map(({ t, name }) => `the index ${name} on ${t}`),
    ...(await foreignTriggers(em, there)).map(trigger => `the trigger ${trigger}`),
    ...(await foreignKeysOfOthers(em, names)),
  ];
}

/**
 * Returns the tables of a migration's names that an interrupted run of it cannot have left, each with the reason: other
 * columns, or rows.
 */
export async function takenIn(em: SqlEntityManager, made: readonly MadeTable[]): Promise<string[]> {
  const found = await findTables(em, made);
  const taken: string[] = [];
  for (const table of made.filter(({ name }) => found.has(name))) {
    const difference = differenceOf(table, found.get(table.name)!);
    if (difference !== null) taken.push(`${table.name} (${difference})`);
    else if ((await em.execute<unknown[]>(`select 1 from ${table.name} limit 1`)).length > 0)
      taken.push(`${table.name} (has rows)`);
  }
  return taken;
}

/** Returns the tables that lack columns which their migration makes, each with these. */
export async function incompleteIn(em: SqlEntityManager, made: readonly MadeTable[]): Promise<string[]> {
  const found = await findTables(em, made);
  return made.flatMap(({ name, columns }) => {
    const missing = found.has(name) ? columns.filter(column => !found.get(name)!.columns.includes(column)) : [];
    return missing.length > 0 ? [`${name} (${missing.join(', ')})`] : [];
  });
}

/** Returns the triggers on tables that do not keep our counters, each with its table. */
export async function foreignTriggers(em: SqlEntityManager, made: readonly MadeTable[]): Promise<string[]> {
  const own = new Set(await ownTriggers(em));
  const triggers = await partsOf(
    em,
    made.map(({ name }) => name),
    'trigger',
  );
  return triggers.filter(({ name }) => !own.has(name)).map(({ t, name }) => `${name} on ${t}`);
}

/** Returns the names of the triggers on tables. */
export async function triggersOn(em: SqlEntityManager, tables: readonly string[]): Promise<string[]> {
  return tables.length === 0 ? [] : (await partsOf(em, tables, 'trigger')).map(({ name }) => name);
}

/** Returns how a table differs from the one that a migration makes; null: it has the same columns. */
function differenceOf(made: MadeTable, { isView, columns }: FoundTable): string | null {
  if (isView) return 'is a view';
  const missing = made.columns.filter(name => !columns.includes(name));
  const added = columns.filter(name => !made.columns.includes(name));
  const differences = [
    ...(added.length > 0 ? [`has the ${columnsIn(added)}`] : []),
    ...(missing.length > 0 ? [`lacks the ${columnsIn(missing)}`] : []),
  ];
  return differences.length > 0 ? differences.join(' and ') : null;
}

function columnsIn(names: readonly string[]): string {
  return `${names.length === 1 ? 'column' : 'columns'} ${names.join(', ')}`;
}

async function findTables(em: SqlEntityManager, made: readonly MadeTable[]): Promise<Map<string, FoundTable>> {
  if (made.length === 0) return new Map();
  const names = listOf(made.map(({ name }) => name));
  const sql = isOnSqlite(em)
    ? `select lower(m.name) as t, m.type = 'view' as isView, lower(c.name) as name from sqlite_master m, pragma_table_info(m.name) c where m.type in ('table', 'view') and lower(m.name) in (${names})`
    : `select t.table_name as t, t.table_type <> 'BASE TABLE' as isView, c.column_name as name from information_schema.tables t join information_schema.columns c on c.table_schema = t.table_schema and c.table_name = t.table_name
       where t.table_schema = database() and t.table_name in (${names})`;
  const rows = await em.execute<(Part & { isView: number })[]>(sql);
  return new Map(
    Object.entries(Object.groupBy(rows, ({ t }) => t)).map(([table, columns]) => [
      table,
      { isView: Number(columns![0]!.isView) === 1, columns: columns!.map(({ name }) => name) },
    ]),
  );
}

function partsOf(em: SqlEntityManager, tables: readonly string[], type: 'index' | 'trigger'): Promise<Part[]> {
  const names = listOf(tables);
  if (isOnSqlite(em))
    return em.execute<Part[]>(
      `select lower(tbl_name) as t, name from sqlite_master where type = '${type}' and sql is not null and lower(tbl_name) in (${names}) order by name`,
    );
  const sql = {
    index: `select distinct table_name as t, index_name as name from information_schema.statistics where table_schema = database() and table_name in (${names}) and index_name <> 'PRIMARY' order by 2`,
    trigger: `select event_object_table as t, trigger_name as name from information_schema.triggers where event_object_schema = database() and event_object_table in (${names}) order by 2`,
  };
  return em.execute<Part[]>(sql[type]);
}

async function foreignKeysOfOthers(em: SqlEntityManager, tables: readonly string[]): Promise<string[]> {
  const names = listOf(tables);
  const sql = isOnSqlite(em)
    ? `select m.name || '.' || f."from" as place, lower(f."table") as target, '' as name from sqlite_master m, pragma_foreign_key_list(m.name) f
       where m.type = 'table' and lower(f."table") in (${names}) and lower(m.name) not in (${names}) order by 1`
    : `select concat(if(table_schema = database(), '', concat(table_schema, '.')), table_name, '.', column_name) as place, referenced_table_name as target, constraint_name as name from information_schema.key_column_usage
       where referenced_table_schema = database() and referenced_table_name in (${names}) and not (table_schema = database() and table_name in (${names})) order by 1`;
  const rows = await em.execute<{ place: string; target: string; name: string }[]>(sql);
  return rows.map(
    ({ place, target, name }) =>
      `the foreign key ${name === '' ? '' : `${name} `}of ${place}, which refers to ${target}`,
  );
}

/** Returns the names of the triggers that keep our counters; none where no counters are declared. */
async function ownTriggers(em: SqlEntityManager): Promise<string[]> {
  const { present, different, superfluous } = await triggerStatus(em);
  return [...present, ...different, ...superfluous];
}

function isOnSqlite(em: SqlEntityManager): boolean {
  return em.getDriver() instanceof SqliteDriver;
}

function listOf(names: readonly string[]): string {
  return names.map(name => `'${name}'`).join(', ');
}
