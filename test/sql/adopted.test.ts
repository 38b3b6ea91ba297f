import { afterEach, beforeEach, expect, it } from 'vitest';
import { adopt, planAdoptionUndo, undoAdoption } from '../../src/database/adoption/adopt.js';
import { openDatabase, type Database } from '../../src/database/database.js';
import { mapForm, type DatabaseMap } from '../../src/map/map-form.js';
import { sqlScript } from '../../src/tools/sql-scripts.js';
import { openedInPlace, type OpenedInPlace } from '../support/adopted.js';
import { describeOnEach, freshDatabase } from '../support/databases.js';
import { clientsHere, pipeTo, resultsOf, scriptText, type Line } from '../support/sql-clients.js';

/** Tables with names of all kinds, and statuses that are numbers; without a count of active enrollments. */
const seats = '"seats of students"';
const tables = [
  'create table people (no bigint not null primary key, "full name" varchar(100) not null, mail varchar(100) not null)',
  'create table "group" (no bigint not null primary key, "select" varchar(100) not null, "all seats" int not null)',
  `create table ${seats} (no bigint not null primary key, "order" bigint not null, who bigint not null, state int not null)`,
];

const rows = [
  `insert into people values (1, 'Ann', 'a@x'), (2, 'Bob', 'b@x'), (3, 'Cleo', 'c@x')`,
  `insert into "group" values (7, 'Optics; -- it''s', 2), (9000000000, 'Empty', 5)`,
  `insert into ${seats} values (1, 7, 1, 0), (2, 7, 2, 1), (3, 7, 3, 4)`,
];

/** The map of these tables: 4 is no status that it names. */
const map = mapForm.parse({
  version: 1,
  users: { table: 'people', columns: { id: 'no', name: 'full name', email: 'mail', role: { value: 'STUDENT' } } },
  courses: {
    table: 'group',
    columns: { id: 'no', title: 'select', status: { value: 'ACTIVE' }, isPublished: { value: true } },
    counts: { totalEnrollments: 'all seats' },
  },
  enrollments: {
    table: 'seats of students',
    columns: {
      id: 'no',
      course: 'order',
      student: 'who',
      status: { column: 'state', values: { ACTIVE: [0], DROPPED: [1] } },
    },
  },
}) satisfies DatabaseMap;

describeOnEach('the SQL scripts of an adopted database', kind => {
  const client = clientsHere(kind)[0]!;
  const isServer = kind === 'mysql' || kind === 'mariadb';
  const word = kind === 'postgresql' ? 'function' : 'procedure';
  let opened: OpenedInPlace;
  let adopted: Database;

  beforeEach(async () => {
    const quoted = (sql: string): string => (isServer ? sql.replaceAll('"', '`') : sql);
    opened = await openedInPlace(kind, [...tables, ...rows].map(quoted), map);
    await adopt(opened.database, { map });
    adopted = await openDatabase(opened.url, 'hooks', map);
  });

  afterEach(async () => {
    await adopted.close(true);
    await opened.close();
  });

  const run = async (name: Parameters<typeof sqlScript>[1]): Promise<Line[][]> =>
    resultsOf(client, opened.url, (await sqlScript(adopted, name))!);

  const counts = (total: string, active: string, result: (stored: string, actual: string) => string): Line[] =>
    [
      ['7', "Optics; -- it's", 'all seats', total, '3'],
      ['7', "Optics; -- it's", 'rollcall_active_enrollments', active, '1'],
      ['9000000000', 'Empty', 'all seats', total === '2' ? '5' : '0', '0'],
      ['9000000000', 'Empty', 'rollcall_active_enrollments', '0', '0'],
    ].map(([id, title, counter, stored, actual]) => ({
      id: id!,
      title: title!,
      counter: counter!,
      stored: stored!,
      actual: actual!,
      result: result(stored!, actual!),
    }));

  const body = {
    sqlite: '',
    mysql: ' select 5 as mismatches',
    mariadb: ' select 5 as mismatches',
    postgresql: " returns bigint language sql as 'select 5::bigint'",
  }[kind];
  const create = (name: string): Promise<unknown> =>
    opened.database.em.getConnection().execute(`create ${word} ${name}()${body}`, [], 'run');
  const called = (name: string): string => (isServer ? `CALL ${name}()` : `SELECT ${name}() AS mismatches`);

  it('the SQL scripts of an adopted database name its tables and columns, count its statuses by the map, and are undone with it', async () => {
    const verified = (stored: string, actual: string): string => (stored === actual ? 'MATCH' : 'MISMATCH');
    expect(await run('verify')).toEqual([counts('2', '0', verified), [{ courses: '2', mismatches: '3' }]]);
    expect(await run('update')).toEqual([counts('3', '1', () => 'OK'), [{ courses: '2', mismatches: '0' }]]);
    expect(await run('verify')).toEqual([counts('3', '1', verified), [{ courses: '2', mismatches: '0' }]]);
    if (kind === 'sqlite') {
      expect(await sqlScript(adopted, 'procedure')).toBeNull();
      return;
    }
    await run('procedure');
    await run('procedure');
    expect(await resultsOf(client, opened.url, called('verify_enrollment_counts'))).toEqual([[{ mismatches: '0' }]]);
    const removals = await planAdoptionUndo(opened.database);
    expect(removals.filter(({ kind: one }) => one === 'procedure').map(({ names }) => names)).toEqual([
      ['verify_enrollment_counts'],
    ]);
    await undoAdoption(opened.database);
    const { stderr } = await pipeTo(client, opened.url, called('verify_enrollment_counts')).ended;
    expect(stderr).toContain('does not exist');
  });

  // SQLite has no procedures.
  if (kind === 'sqlite') return;

  it(`the SQL scripts of an adopted database leave a ${word} of another application, also when the adoption is undone`, async () => {
    await create('verify_enrollment_counts');
    await run('procedure');
    await run('procedure');
    expect(await resultsOf(client, opened.url, called('verify_enrollment_counts'))).toEqual([[{ mismatches: '5' }]]);
    expect(await resultsOf(client, opened.url, called('rollcall_verify_counts'))).toEqual([[{ mismatches: '3' }]]);
    await undoAdoption(opened.database);
    expect(await resultsOf(client, opened.url, called('verify_enrollment_counts'))).toEqual([[{ mismatches: '5' }]]);
    expect(await planAdoptionUndo(opened.database)).toEqual([]);
    const { stderr } = await pipeTo(client, opened.url, called('rollcall_verify_counts')).ended;
    expect(stderr).toContain('does not exist');
    await create('rollcall_verify_counts');
    const refused = await pipeTo(client, opened.url, (await sqlScript(adopted, 'procedure'))!).ended;
    expect(refused.stderr).toContain("rollcall_verify_counts is not Rollcall's: nothing was done");
  });
});

describeOnEach('the SQL scripts of a database of our own', kind => {
  it('the SQL scripts of a database of our own are the files of schema/', async () => {
    const { database, drop } = await freshDatabase(kind);
    const own = kind === 'sqlite' || kind === 'postgresql' ? `.${kind}` : '';
    expect(await sqlScript(database, 'update')).toBe(scriptText(`update_total_enrollments${own}.sql`));
    await drop();
  });
});
