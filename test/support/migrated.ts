import { dialectOf, openDatabase, type Database } from '../../src/database/database.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import { freshUrl } from './fresh-url.js';

/** The statements that make the result of the migrations on each database, once they have run in this process. */
const statementsByKind = new Map<DatabaseKind, Promise<readonly string[]>>();

/**
 * Makes the result of the migrations in an empty database, by making each table in its final form, which takes less
 * than half of the time.
 */
export async function migrate(database: Database): Promise<void> {
  const kind = dialectOf(database).kind;
  const made = statementsByKind.get(kind) ?? learn(kind);
  statementsByKind.set(kind, made);
  const statements = await made;
  await database.schema.ensureDatabase();
  await database.em.fork().transactional(async em => {
    for (const sql of statements) await em.getConnection().execute(sql, [], 'run', em.getTransactionContext());
  });
}

async function learn(kind: DatabaseKind): Promise<readonly string[]> {
  const { url, drop } = freshUrl(kind);
  const database = await openDatabase(url);
  await database.migrator.up();
  const made = await statementsOf(database);
  const names = (await read(database, 'select name from rollcall_migrations order by id')).map(
    ({ name }) => `insert into rollcall_migrations (name) values ('${name}')`,
  );
  await database.close(true);
  await drop();
  return [...made, ...names];
}

/** Returns the statements that make the tables and procedures of a database, in a valid order. */
export async function statementsOf(database: Database): Promise<readonly string[]> {
  if (dialectOf(database).kind === 'sqlite')
    return (await read(database, 'select sql from sqlite_schema where sql is not null order by rowid'))
      .map(({ sql }) => sql!)
      .filter(sql => !sql.startsWith('CREATE TABLE sqlite_'));
  const tables = await read(
    database,
    'select table_name as name from information_schema.tables where table_schema = database() order by table_name',
  );
  const made = await Promise.all(
    tables.map(async ({ name }) => ({
      name: name!,
      sql: (await read(database, `show create table ${name}`))[0]!['Create Table']!.replace(/ AUTO_INCREMENT=\d+/, ''),
    })),
  );
  const routines = await read(
    database,
    'select routine_name as name from information_schema.routines where routine_schema = database() order by routine_name',
  );
  const procedures = await Promise.all(
    routines.map(async ({ name }) => (await read(database, `show create procedure ${name}`))[0]!['Create Procedure']!),
  );
  return [...inOrder(made), ...procedures];
}

/** Returns the statements of tables, each after those of the tables that it refers to. */
function inOrder(tables: readonly { readonly name: string; readonly sql: string }[]): string[] {
  const [next, later] = [[], []] as [(typeof tables)[number][], (typeof tables)[number][]];
  for (const table of tables)
    (tables.some(({ name }) => name !== table.name && table.sql.includes(`REFERENCES \`${name}\``))
      ? later
      : next
    ).push(table);
  return [...next.map(({ sql }) => sql), ...(later.length > 0 ? inOrder(later) : [])];
}

function read(database: Database, sql: string): Promise<Record<string, string>[]> {
  return database.em.getConnection().execute(sql);
}
