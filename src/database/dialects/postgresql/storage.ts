import { quotedList } from '../../../migrations/sql-names.js';
import type { Database } from '../dialect.js';
import { failed, warning, type Finding } from '../finding.js';

/**
 * Examines how PostgreSQL stores tables: whether they survive a crash, whether this user sees all of their rows, whether
 * their indexes are whole, and whether their next keys are free.
 */
export async function examineStorage(database: Database, tables: readonly string[]): Promise<Finding[]> {
  if (tables.length === 0) return [];
  const names = quotedList(database.em, tables);
  const ours = `c.relnamespace = to_regnamespace(quote_ident(current_schema())) and c.relname in (${names})`;
  const read = async (sql: string): Promise<string[]> =>
    (await database.em.getConnection().execute<{ name: string }[]>(sql)).map(({ name }) => name);
  const unlogged = await read(
    `select relname as name from pg_class c where ${ours} and relpersistence = 'u' order by 1`,
  );
  const hiding = await read(
    `select relname as name from pg_class c where ${ours} and row_security_active(c.oid) order by 1`,
  );
  const broken = await read(
    `select i.relname as name from pg_index x join pg_class c on c.oid = x.indrelid join pg_class i on i.oid = x.indexrelid where ${ours} and not (x.indisvalid and x.indisready) order by 1`,
  );
  return [
    ...unlogged.map(table =>
      failed(`The table ${table} is unlogged: a crash empties it.`, `alter table ${table} set logged`),
    ),
    ...hiding.map(table =>
      failed(
        `Row security hides rows of ${table} from this user, so they are not counted.`,
        `alter table ${table} disable row level security; or give the user the attribute BYPASSRLS`,
      ),
    ),
    ...(broken.length > 0
      ? [
          warning(
            `Indexes are not valid, as an interrupted statement leaves them: ${broken.join(', ')}.`,
            `reindex index concurrently ${broken[0]}`,
          ),
        ]
      : []),
    ...(await takenKeys(database, tables)),
  ];
}

/** Returns a failure for each table whose next key exists already, as a copy of its rows leaves it. */
async function takenKeys(database: Database, tables: readonly string[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const table of tables) {
    const [row] = await database.em
      .getConnection()
      .execute<{ behind: boolean | null; given: string | null; highest: string | null }[]>(
        `select coalesce(given, 0) < highest as behind, given::text, highest::text
         from (select pg_sequence_last_value(pg_get_serial_sequence('${table}', 'id')::regclass) as given, (select max(id) from ${table}) as highest) k`,
      );
    if (row?.behind !== true) continue;
    findings.push(
      failed(
        `The sequence of ${table}.id has reached ${row.given ?? 'nothing'}, and the ids ${row.highest}: new rows will be refused.`,
        `select setval(pg_get_serial_sequence('${table}', 'id'), max(id)) from ${table}`,
      ),
    );
  }
  return findings;
}

/** Makes the sequences of tables follow the keys that rows have brought along; one that is ahead of them stays there. */
export async function followKeys(database: Database, tables: readonly string[]): Promise<void> {
  for (const table of tables) {
    const sequence = `pg_get_serial_sequence('${table}', 'id')`;
    await database.em
      .getConnection()
      .execute(
        `select setval(${sequence}, max(id)) from ${table} having max(id) > coalesce(pg_sequence_last_value(${sequence}::regclass), 0)`,
      );
  }
}
