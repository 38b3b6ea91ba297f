import { randomUUID } from 'node:crypto';
import { afterEach, expect, it } from 'vitest';
import { adopt, undoAdoption } from '../../../src/database/adoption/adopt.js';
import { openToAdopt, type Database } from '../../../src/database/database.js';
import { Course } from '../../../src/entities/index.js';
import { copyDatabase } from '../../../src/tools/adopt/copy/copy-database.js';
import { findTables } from '../../../src/database/schema/found-tables.js';
import type { DatabaseMap } from '../../../src/map/map-form.js';
import { TheirDatabase } from '../../../src/tools/adopt/found/their-database.js';
import { examinedPlan } from '../../../src/tools/adopt/place/refusals.js';
import { openedInPlace, type OpenedInPlace } from '../../support/adopted.js';
import { definitionsIn } from '../../support/catalog.js';
import { describeOnEach, describeOnMySql, freshDatabase } from '../../support/databases.js';

/** The tables of an application that cannot be opened in place, for several reasons at once. */
const hopeless = (options: string): string[] => [
  'create table app_user (id varchar(36) not null primary key, name varchar(50) not null, email varchar(100) null, role varchar(10) null)',
  'create table app_course (id bigint not null primary key, title varchar(100) not null, status varchar(20) null, published varchar(5) not null, rollcall_status varchar(10) null)',
  `create table app_enrollment (id bigint not null primary key, course_id bigint not null, student_id bigint not null, status varchar(20) null, grade integer not null, token varchar(20) not null unique)${options}`,
  'create view shown_course as select * from app_course',
];

let opened: OpenedInPlace;

afterEach(() => opened.close());

async function refusals(map: DatabaseMap = opened.map, database = opened.database): Promise<readonly string[]> {
  return (await examinedPlan({ theirs: new TheirDatabase(database), tables: await findTables(database), map }))
    .refusals;
}

/** Copies a database into one of our own, and returns the titles that this then has. */
async function copiedTitles(theirs: Database, map: DatabaseMap): Promise<string[]> {
  const { database, drop } = await freshDatabase('sqlite');
  const reasons: string[] = [];
  await copyDatabase(new TheirDatabase(theirs), map, database, {
    onRejected: ({ message }) => reasons.push(message),
    onNote: () => undefined,
  });
  expect(reasons).toEqual([]);
  const courses = await database.em.fork().findAll(Course, { orderBy: { id: 'asc' } });
  await drop();
  return courses.map(({ title }) => title);
}

describeOnEach('a database that cannot be opened in place', kind => {
  const isServerOfMySql = kind === 'mysql' || kind === 'mariadb';

  it('a database that cannot be opened in place is refused for all reasons at once, each with what to do, and stays as it is', async () => {
    opened = await openedInPlace(kind, hopeless(isServerOfMySql ? ' engine = MyISAM' : ''));
    const before = await definitionsIn(opened.database, kind);
    const reasons = (await refusals()).join('\n');
    for (const reason of [
      ', but app_user.id, to which it refers, has varchar(36). Name two columns of one type in the map.',
      'app_course.published has the type varchar(5), which is not read and written as isPublished as it is. In the map: { "courses": { "columns": { "isPublished": { "column": "published", "values": { "true": [1], "false": [0] } } } } }.',
      'The database has the column app_course.rollcall_status, which this adoption did not make. Drop or rename it.',
      'app_enrollment.id gets no number from the database, so that Rollcall can add no row.',
      'app_enrollment has columns without a default, to which no field maps: grade, token. Say in the map what a new row has there, such as {"enrollments":{"fill":{"grade":{"value":0},"token":',
      ...(isServerOfMySql
        ? ['app_enrollment is kept by MyISAM, without transactions, so that no count can be exact. alter table']
        : []),
    ])
      expect(reasons).toContain(reason);
    expect(await definitionsIn(opened.database, kind)).toEqual(before);
  });

  it('a database that cannot be opened in place is refused if the map names a view, or what does not exist', async () => {
    opened = await openedInPlace(kind, hopeless(''));
    const { map } = opened;
    expect(await refusals({ ...map, courses: { ...map.courses, table: 'shown_course' } })).toContain(
      'shown_course is a view, to which nothing can be added. Name the table behind it in the map.',
    );
    expect(
      (await refusals({ ...map, users: { ...map.users, columns: { ...map.users.columns, id: 'key' } } })).join('\n'),
    ).toContain('app_user has no column key, which the map names.');
  });

  it('a database that cannot be opened in place is refused if the ORM would take a name of a column for something else, and is copied nevertheless', async () => {
    const column = kind === 'mysql' || kind === 'mariadb' ? '`known as name`' : '"known as name"';
    opened = await openedInPlace(kind, [
      'create table app_user (id integer not null primary key, name varchar(50) not null)',
      `create table app_course (id integer not null primary key, name varchar(50) not null, ${column} varchar(50) not null)`,
      'create table app_enrollment (id integer not null primary key, course_id integer not null, user_id integer not null)',
      "insert into app_course values (7, '', 'Optics')",
    ]);
    const { map, database } = opened;
    const courses = { ...map.courses, columns: { ...map.courses.columns, title: 'known as name' } };
    expect(await refusals({ ...map, courses })).toContain(
      'app_course.known as name has a name that Rollcall\'s queries cannot have in place: " as ", "~~~", an asterisk alone or after a dot, or a dot after a letter and digits. Rename it.',
    );
    expect(await copiedTitles(database, { ...map, courses })).toEqual(['Optics']);
  });
});

const plain = [
  'create table app_user (id bigint not null auto_increment primary key, name varchar(50) not null, email varchar(100) null, role varchar(10) null, created_at timestamp(6) null)',
  'create table app_course (id bigint not null auto_increment primary key, title varchar(100) not null, status varchar(20) null)',
  'create table app_enrollment (id bigint not null auto_increment primary key, course_id bigint not null, student_id bigint not null, status varchar(20) null)',
  "insert into app_user values (1, 'Ann', 'ann@school.example', 'student', '2024-01-31 08:15:30.999999')",
];

describeOnMySql('a user with the fewest privileges', kind => {
  it('a user with the fewest privileges opens a database in place and takes that back; without any one of them it is refused, and the statement that grants it is named', async () => {
    opened = await openedInPlace(kind, plain);
    const run = (sql: string): Promise<unknown> => opened.database.em.getConnection().execute(sql, [], 'run');
    const schema = new URL(opened.url).pathname.slice(1);
    const name = `limited_${randomUUID().slice(0, 8)}`;
    const account = `'${name}'@'%'`;
    await run(`create user ${account} identified by 'secret'`);
    const url = Object.assign(new URL(opened.url), { username: name, password: 'secret' }).href;
    const needed = [
      'ALTER',
      'CREATE',
      'SELECT',
      'INSERT',
      'UPDATE',
      'TRIGGER',
      'DROP',
      'DELETE',
      ...(kind === 'mysql' ? ['REFERENCES'] : []),
    ];
    try {
      for (const missing of needed.filter(one => one !== 'SELECT')) {
        await run(`grant ${needed.filter(one => one !== missing).join(', ')} on ${schema}.* to ${account}`);
        const limited = await openToAdopt(url);
        expect(await refusals(opened.map, limited)).toEqual([
          `The database's user lacks ${missing}. As an administrator: grant ${missing} on ${schema}.* to ….`,
        ]);
        await limited.close(true);
        await run(`revoke all privileges on ${schema}.* from ${account}`);
      }
      await run(`grant ${needed.join(', ')} on ${schema}.* to ${account}`);
      const before = await definitionsIn(opened.database, kind);
      const limited = await openToAdopt(url);
      await adopt(limited, { map: opened.map });
      await undoAdoption(limited);
      await limited.close(true);
      expect(await definitionsIn(opened.database, kind)).toEqual(before);
    } finally {
      await run(`drop user ${account}`);
    }
  });
});

describeOnMySql('a moment of the type TIMESTAMP', kind => {
  it('a moment of the type TIMESTAMP is the same in UTC whatever the time zone of a session', async () => {
    opened = await openedInPlace(kind, plain);
    const { database, map } = opened;
    await database.em
      .getConnection()
      .execute("update app_user set created_at = '2024-01-31 08:15:30.999999'", [], 'run');
    await adopt(database, { map });
    const moments = await database.em.fork().transactional(async em => {
      const read = (): Promise<{ theirs: string; ours: string }[]> =>
        em.execute(
          'select cast(created_at as char) as theirs, cast(rollcall_created_at as char) as ours from app_user',
        );
      const first = await read();
      const [row] = await em.execute<{ zone: string }[]>('select @@session.time_zone as zone');
      await em.execute("set session time_zone = '+05:00'");
      const second = await read();
      await em.execute(`set session time_zone = '${row!.zone}'`);
      return [...first, ...second];
    });
    expect(new Set(moments.map(({ theirs }) => theirs)).size).toBe(2);
    expect(new Set(moments.map(({ ours }) => ours)).size).toBe(1);
    expect(moments[0]!.ours).toMatch(/:30\.999$/);
  });
});
