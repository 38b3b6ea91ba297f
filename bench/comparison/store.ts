import { DatabaseSync } from 'node:sqlite';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { openDatabase } from '../../dist/database/database.js';
import { tablesOf, type Row, type Rows } from './rows.ts';

/** The databases of the comparison; PostgreSQL has PostGraphile alone. */
export type DatabaseKind = 'mysql' | 'mariadb' | 'sqlite' | 'postgresql';

/** A row as a database gives it. */
export type Found = Record<string, string | number | bigint | null>;

/** A connection of the bench itself to a database whose contestants it measures. */
export interface Store {
  readonly kind: DatabaseKind;
  readonly url: string;
  readonly version: () => Promise<string>;
  readonly query: (sql: string) => Promise<Found[]>;
  /** Waits until the database does nothing more for the load before, such as removing the rows that were deleted. */
  readonly settle: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** The rows of one statement that fills a table. */
const ROWS_A_STATEMENT = 2000;
/** The longest time that the next load waits for the work that the last one left behind, in milliseconds. */
const MAX_SETTLE_MILLISECONDS = 120_000;

/** Opens the database of a URL, migrated and filled with the rows; one that has them already is used again. */
export async function openStore(url: string, rows: Rows): Promise<Store> {
  const database = await openDatabase(url);
  await database.schema.ensureDatabase();
  await database.migrator.up();
  await database.close(true);
  const store = url.startsWith('sqlite:') ? openFile(url) : await connect(url);
  const [found] = await store.query('select count(*) as courses from core_course');
  if (Number(found!['courses']) === 0) await fill(store, rows);
  await removeNewEnrollments(store, rows);
  await checkRows(store, rows);
  return store;
}

/** Makes sure that a database has the rows that this version makes. Errors: it has others. */
export async function checkRows(store: Store, { hotCourse, enrollmentsOf }: Rows): Promise<void> {
  const [found] = await store.query(`select total_enrollments as total from core_course where id = ${hotCourse}`);
  if (Number(found?.['total']) !== enrollmentsOf[hotCourse - 1])
    throw new Error(`The data of ${store.kind} are of another version of the bench. Fill them again with --fresh.`);
}

/** Deletes the enrollments that a case has added, and makes the stored counts exact again. */
export async function removeNewEnrollments(store: Store, rows: Rows): Promise<void> {
  const actual = (condition: string): string =>
    `(select count(*) from core_enrollments e where e.course_id = core_course.id${condition})`;
  await store.query(`delete from core_enrollments where id > ${rows.size.enrollments}`);
  await store.query(
    `update core_course set total_enrollments = ${actual('')}, active_enrollments = ${actual(" and e.status = 'active'")} where id in (${[...rows.manyCourses, rows.hotCourse].join(', ')})`,
  );
}

/** Returns how many enrollments a case has added. */
export async function countNewEnrollments(store: Store, rows: Rows): Promise<number> {
  const [found] = await store.query(
    `select count(*) as added from core_enrollments where id > ${rows.size.enrollments}`,
  );
  return Number(found!['added']);
}

/** Returns the sum of the drift of the stored totals of some courses, each taken as positive. */
export async function driftOf(store: Store, courses: readonly number[]): Promise<number> {
  const [found] = await store.query(
    `select sum(abs(kept - actual)) as drift from (select cast(total_enrollments as ${store.kind === 'mysql' || store.kind === 'mariadb' ? 'signed' : 'integer'}) as kept, (select count(*) from core_enrollments e where e.course_id = c.id) as actual from core_course c where c.id in (${courses.join(', ')})) counts`,
  );
  return Number(found!['drift']);
}

async function fill(store: Store, rows: Rows): Promise<void> {
  const start = performance.now();
  const { courses, enrollments } = rows.size;
  process.stderr.write(`Filling ${store.kind} with ${courses} courses and ${enrollments} enrollments …`);
  const sqlite = store.kind === 'sqlite';
  if (!sqlite) await store.query('set unique_checks = 0, foreign_key_checks = 0');
  for (const table of tablesOf(rows)) {
    for (const chunk of chunks(table.rows())) {
      const values = chunk.map(row => `(${row.map(value => literal(value, sqlite)).join(',')})`).join(',');
      await store.query(`insert into ${table.name} (${table.columns.join(',')}) values ${values}`);
    }
    await store.query(sqlite ? 'analyze' : `analyze table ${table.name}`);
  }
  if (!sqlite) await store.query('set unique_checks = 1, foreign_key_checks = 1');
  process.stderr.write(` ${((performance.now() - start) / 1000).toFixed(1)} s\n`);
}

function* chunks(rows: Iterable<Row>): Generator<Row[]> {
  let chunk: Row[] = [];
  for (const row of rows) {
    chunk.push(row);
    if (chunk.length < ROWS_A_STATEMENT) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

/** Returns a value in SQL; no text of the rows has a quote. */
function literal(value: string | number | Date, sqlite: boolean): string {
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'number') return String(value);
  return sqlite ? String(value.getTime()) : `'${value.toISOString().slice(0, 23).replace('T', ' ')}'`;
}

async function connect(url: string): Promise<Store> {
  const { hostname, port, username, pathname, protocol } = new URL(url);
  const connection = await createConnection({
    host: hostname,
    port: Number(port),
    user: username,
    database: pathname.slice(1),
  });
  const query = async (sql: string): Promise<Found[]> => {
    const [found] = await connection.query<RowDataPacket[]>(sql);
    return found;
  };
  return {
    kind: protocol.slice(0, -1) as DatabaseKind,
    url,
    query,
    version: async () => String((await query('select version() as version'))[0]!['version']),
    async settle() {
      const end = performance.now() + MAX_SETTLE_MILLISECONDS;
      for (let quiet = 0; quiet < 3 && performance.now() < end;) {
        await new Promise(resolve => setTimeout(resolve, 100));
        const [found] = await query(
          "select (select count(*) from information_schema.processlist where command not in ('Sleep', 'Daemon') and id <> connection_id()) + (select count > 1000 from information_schema.innodb_metrics where name = 'trx_rseg_history_len') as busy",
        );
        quiet = Number(found!['busy']) === 0 ? quiet + 1 : 0;
      }
    },
    close: () => connection.end(),
  };
}

function openFile(url: string): Store {
  const file = new DatabaseSync(url.slice('sqlite:'.length));
  file.exec('pragma busy_timeout = 10000');
  const query = (sql: string): Promise<Found[]> => Promise.resolve(file.prepare(sql).all() as Found[]);
  return {
    kind: 'sqlite',
    url,
    query,
    version: async () => String((await query('select sqlite_version() as version'))[0]!['version']),
    settle: () => Promise.resolve(),
    close: () => Promise.resolve(file.close()),
  };
}
