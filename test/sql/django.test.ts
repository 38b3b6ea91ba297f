import { afterEach, beforeEach, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../src/database/database.js';
import { freshUrl } from '../support/databases.js';
import { resultsOf, scriptText } from '../support/sql-clients.js';
import { describeInClients, updateScript } from './expected-lines.js';

/** The tables as Django's migrations make them, with the column that the Django app did not have. */
const tables = {
  servers: [
    'create table core_user (id bigint auto_increment not null primary key, name varchar(255) not null, email varchar(254) not null unique)',
    `create table core_course (id bigint auto_increment not null primary key, title varchar(255) not null, description longtext not null,
      total_enrollments integer unsigned not null check (total_enrollments >= 0), created_at datetime(6) not null, instructor_id bigint not null)`,
    `create table core_enrollments (id bigint auto_increment not null primary key, status varchar(20) not null, enrolled_at datetime(6) not null,
      course_id bigint not null, student_id bigint not null)`,
    'alter table core_enrollments add constraint core_enrollments_course_id_student_id_0b1d3c5e_uniq unique (course_id, student_id)',
    'alter table core_enrollments add constraint core_enrollments_course_id_5a7f3c1d_fk_core_course_id foreign key (course_id) references core_course (id)',
    'alter table core_enrollments add constraint core_enrollments_student_id_2b9e4d6f_fk_core_user_id foreign key (student_id) references core_user (id)',
    'alter table core_course add active_enrollments int unsigned not null default 0',
  ],
  sqlite: [
    'create table core_user (id integer not null primary key autoincrement, name varchar(255) not null, email varchar(254) not null unique)',
    `create table core_course (id integer not null primary key autoincrement, title varchar(255) not null, description text not null,
      total_enrollments integer unsigned not null check (total_enrollments >= 0), created_at datetime not null, instructor_id bigint not null)`,
    `create table core_enrollments (id integer not null primary key autoincrement, status varchar(20) not null, enrolled_at datetime not null,
      course_id bigint not null references core_course (id) deferrable initially deferred, student_id bigint not null references core_user (id) deferrable initially deferred)`,
    'create unique index core_enrollments_course_id_student_id_0b1d3c5e_uniq on core_enrollments (course_id, student_id)',
    'alter table core_course add active_enrollments integer not null default 0',
  ],
};

const rows = [
  "insert into core_user (id, name, email) values (1, 'Ada', 'a@example.org'), (2, 'Bob', 'b@example.org'), (3, 'Cleo', 'c@example.org'), (4, 'Dora', 'd@example.org')",
  `insert into core_course (id, title, description, total_enrollments, created_at, instructor_id)
    values (1, 'Introduction to Python', '', 25, '2024-01-01 00:00:00', 1), (2, 'Empty', '', 0, '2024-01-01 00:00:00', 1), (9000000000, 'Far away', '', 1, '2024-01-01 00:00:00', 1)`,
  // No status of Rollcall's is "Active", whatever the column's collation thinks.
  `insert into core_enrollments (status, enrolled_at, course_id, student_id) values ('active', '2024-01-01 00:00:00', 1, 1), ('Active', '2024-01-01 00:00:00', 1, 2),
    ('active ', '2024-01-01 00:00:00', 1, 3), ('dropped', '2024-01-01 00:00:00', 1, 4), ('active', '2024-01-01 00:00:00', 9000000000, 4)`,
];

const counts = (first: string, second: string, result: (stored: string, actual: string) => string) =>
  [
    ['1', 'Introduction to Python', 'total_enrollments', first, '4'],
    ['1', 'Introduction to Python', 'active_enrollments', second, '1'],
    ['2', 'Empty', 'total_enrollments', '0', '0'],
    ['2', 'Empty', 'active_enrollments', '0', '0'],
    ['9000000000', 'Far away', 'total_enrollments', '1', '1'],
    ['9000000000', 'Far away', 'active_enrollments', second === '0' ? '0' : '1', '1'],
  ].map(([id, title, counter, stored, actual]) => ({
    id,
    title,
    counter,
    stored,
    actual,
    result: result(stored!, actual!),
  }));

describeInClients('a database of the Django app', (client, kind) => {
  let database: Database;
  let url: string;
  let drop: () => Promise<void>;

  beforeEach(async () => {
    const fresh = freshUrl(kind);
    ({ url } = fresh);
    database = await openDatabase(url);
    await database.schema.ensureDatabase();
    for (const sql of [...tables[kind === 'sqlite' ? 'sqlite' : 'servers'], ...rows])
      await database.em.getConnection().execute(sql, [], 'run');
    drop = async () => {
      await database.close(true);
      await fresh.drop();
    };
  });

  afterEach(() => drop());

  it('a database of the Django app is verified and updated, with its active enrollments counted for the first time', async () => {
    const verified = (stored: string, actual: string): string => (stored === actual ? 'MATCH' : 'MISMATCH');
    expect(await resultsOf(client, url, scriptText('verify_enrollment_counts.sql'))).toEqual([
      counts('25', '0', verified),
      [{ courses: '3', mismatches: '3' }],
    ]);
    expect(await resultsOf(client, url, updateScript(kind))).toEqual([
      counts('4', '1', () => 'OK'),
      [{ courses: '3', mismatches: '0' }],
    ]);
    expect(await resultsOf(client, url, scriptText('verify_enrollment_counts.sql'))).toEqual([
      counts('4', '1', verified),
      [{ courses: '3', mismatches: '0' }],
    ]);
  });

  // SQLite has no procedures.
  if (kind === 'sqlite') return;

  it('a database of the Django app gets the procedure', async () => {
    await resultsOf(client, url, scriptText('procedures.mysql.sql'));
    expect(await resultsOf(client, url, 'CALL verify_enrollment_counts()')).toEqual([[{ mismatches: '3' }]]);
  });
});
