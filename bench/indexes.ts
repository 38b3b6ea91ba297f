// node_modules/.bin/node bench/indexes.ts [DATABASE [COURSES ENROLLMENTS [FOLDER]]]: measures what each index of courses and
// enrollments costs an enroll: the database's processor time for the UPDATE of the counts and the INSERT, with all indexes
// and without this one, in turns. DATABASE is mysql or mariadb. Build first (npm run build). It starts the server itself.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { isInstalled, startDatabase, type ServerKind } from './comparison/database-server.ts';
import { randomNumbers } from './comparison/cases.ts';
import { processorTime } from './comparison/processor-time.ts';
import { layOut, newcomerId } from './comparison/rows.ts';
import { openStore, removeNewEnrollments } from './comparison/store.ts';
import { median } from './comparison/summary.ts';

/** The enrolls of one measurement, and those of one transaction: commits are not what is measured. */
const ENROLLS = 10_000;
const ENROLLS_A_COMMIT = 100;
const ROUNDS = 3;

/** The code of MySQL and MariaDB for an index that a foreign key needs. */
const NEEDED_BY_FOREIGN_KEY = 1553;

interface TableIndex {
  readonly table: string;
  readonly name: string;
  readonly columns: string;
}

const here = fileURLToPath(new URL('.', import.meta.url));
const [database = 'mysql', courses = '20000', enrollments = '2000000', parent = join(here, '../data/bench')] =
  process.argv.slice(2);
if (database !== 'mysql' && database !== 'mariadb')
  throw new Error(`The database is mysql or mariadb, not "${database}".`);
if (!isInstalled(database)) throw new Error(`There is no server program of ${database} on PATH.`);
await measureAll(database);

async function measureAll(kind: ServerKind): Promise<void> {
  await using ends = new AsyncDisposableStack();
  const rows = layOut({ courses: Number(courses), enrollments: Number(enrollments), newcomers: ENROLLS });
  const folder = join(parent, `indexes-${kind}-${courses}-${enrollments}`);
  mkdirSync(folder, { recursive: true });
  const server = await startDatabase(kind, folder);
  ends.defer(() => server.stop());
  const store = await openStore(server.url, rows);
  ends.defer(() => store.close());
  const connection = await createConnection({ uri: store.url });
  ends.defer(() => connection.end());

  /** Returns the database's processor time for an enroll, in microseconds. */
  const measure = async (seed: number): Promise<number> => {
    await store.settle();
    const random = randomNumbers(seed);
    const before = processorTime(server.pid!);
    for (let index = 0; index < ENROLLS; index += 1) {
      if (index % ENROLLS_A_COMMIT === 0) await connection.query('begin');
      const course = rows.manyCourses[Math.floor(random() * rows.manyCourses.length)]!;
      await connection.execute(
        'update core_course set total_enrollments = total_enrollments + 1, active_enrollments = active_enrollments + 1 where id = ?',
        [course],
      );
      await connection.execute(
        "insert into core_enrollments (course_id, student_id, status, enrolled_at, updated_at) values (?, ?, 'active', now(6), now(6))",
        [course, newcomerId(rows, index)],
      );
      if (index % ENROLLS_A_COMMIT === ENROLLS_A_COMMIT - 1) await connection.query('commit');
    }
    const used = processorTime(server.pid!) - before;
    await removeNewEnrollments(store, rows);
    return (used / ENROLLS) * 1000;
  };

  await measure(0);
  const all: number[] = [];
  const saved = new Map<TableIndex, number[]>();
  const indexes = await indexesOf(connection);
  for (let round = 1; round <= ROUNDS; round += 1)
    for (const index of indexes) {
      const withIt = await measure(round);
      all.push(withIt);
      if (!(await drop(connection, index))) continue;
      const without = await measure(round);
      saved.set(index, [...(saved.get(index) ?? []), withIt - without]);
      await connection.query(`alter table ${index.table} add index ${index.name} (${index.columns})`);
      process.stderr.write(
        `round ${round} ${index.table} (${index.columns}): ${withIt.toFixed(1)} and ${without.toFixed(1)} µs\n`,
      );
    }
  console.log(
    `${kind} ${await store.version()}, ${rows.size.courses} courses, ${rows.size.enrollments} enrollments: an enroll takes ${median(all)!.toFixed(1)} µs of the database's processor time. Of these, by the median of ${ROUNDS} rounds:\n`,
  );
  console.log('| index | µs |\n| --- | ---: |');
  for (const index of indexes) {
    const cost = median(saved.get(index) ?? []);
    console.log(
      `| \`${index.table} (${index.columns})\` | ${cost === null ? 'a foreign key needs it' : cost.toFixed(1)} |`,
    );
  }
}

/**
 * Returns the indexes that an enroll changes, but for those that keep rows from being there twice: of enrollments, and
 * of courses those with a stored count.
 */
async function indexesOf(connection: Connection): Promise<TableIndex[]> {
  const [found] = await connection.query<(TableIndex & RowDataPacket)[]>(
    `select table_name as 'table', index_name as name, group_concat(column_name order by seq_in_index separator ', ') as columns
     from information_schema.statistics
     where table_schema = database() and table_name in ('core_enrollments', 'core_course') and non_unique = 1
     group by table_name, index_name
     having table_name = 'core_enrollments' or sum(column_name in ('total_enrollments', 'active_enrollments')) > 0
     order by table_name desc, index_name`,
  );
  return found;
}

/** Drops an index; returns false if a foreign key needs it. */
async function drop(connection: Connection, { table, name }: TableIndex): Promise<boolean> {
  try {
    await connection.query(`alter table ${table} drop index ${name}`);
    return true;
  } catch (error) {
    if ((error as { errno?: number }).errno === NEEDED_BY_FOREIGN_KEY) return false;
    throw error;
  }
}
