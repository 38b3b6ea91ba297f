import { expect, it } from 'vitest';
import { operator } from '../../../src/access/viewer.js';
import { adopt } from '../../../src/database/adoption/adopt.js';
import { openDatabase, openToAdopt } from '../../../src/database/database.js';
import { tableNames } from '../../../src/database/tables.js';
import { Role } from '../../../src/entities/index.js';
import type { DatabaseMap } from '../../../src/map/map-form.js';
import { databaseChecks } from '../../../src/tools/doctor/database-checks.js';
import { startApi } from '../../support/api.js';
import { freshUrl } from '../../support/databases.js';

/** Tables and columns none of which has a name of ours, with whole numbers as statuses. */
const tables = [
  'create table auth_user (user_no integer primary key, login text not null, mail text)',
  'create table courses_course (course_no integer primary key, name text not null, state text not null, shown bool not null, seats_taken integer not null, teacher integer references auth_user (user_no))',
  'create table courses_enrollment (no integer primary key, state integer not null, made datetime not null, course integer not null references courses_course (course_no), person integer not null references auth_user (user_no))',
  "insert into auth_user values (1, 'ann', 'ann@school.example'), (2, 'bob', null)",
  "insert into courses_course values (7, 'Optics', 'live', 1, 9, 1)",
  "insert into courses_enrollment values (1, 1, '2025-01-01 10:00:00.5', 7, 2)",
];

const map: DatabaseMap = {
  version: 1,
  users: {
    table: 'auth_user',
    columns: {
      id: 'user_no',
      name: 'login',
      email: { firstOf: ['mail', { template: 'user-{user_no}@rollcall.invalid' }] },
      role: { value: 'STUDENT' },
    },
  },
  courses: {
    table: 'courses_course',
    columns: {
      id: 'course_no',
      title: 'name',
      status: { column: 'state', values: { ACTIVE: ['live'], DRAFT: ['draft'] } },
      isPublished: 'shown',
      instructor: 'teacher',
    },
    counts: { totalEnrollments: 'seats_taken' },
  },
  enrollments: {
    table: 'courses_enrollment',
    columns: {
      id: 'no',
      course: 'course',
      student: 'person',
      status: { column: 'state', values: { ACTIVE: [1], DROPPED: [2] } },
      enrolledAt: 'made',
    },
  },
};

it('an application whose tables have other names is served, counted and examined by its map', async ({
  onTestFinished,
}) => {
  const { url, drop } = freshUrl('sqlite');
  const plain = await openToAdoptAfter(url);
  await adopt(plain, { map });
  await plain.close(true);
  const database = await openDatabase(url, 'hooks', map);
  const api = await startApi('sqlite', {
    place: {
      url,
      database,
      drop: async () => {
        await database.close(true);
        await drop();
      },
    },
  });
  onTestFinished(() => api.stop());
  const admin = await api.token(Role.ADMIN, null);
  const enrolled = await api.send(
    admin,
    'mutation { recountEnrollments { run { repaired } } enroll(input: { courseId: 7, studentId: 1 }) { userErrors { message } } }',
  );
  expect(enrolled.data).toEqual({ recountEnrollments: { run: { repaired: 1 } }, enroll: { userErrors: [] } });
  const { data } = await api.send(
    admin,
    '{ courses(first: 2, orderBy: { field: TITLE }) { nodes { id title status totalEnrollments activeEnrollments enrollments(first: 3) { nodes { status student { name email } } } } } }',
  );
  expect(data.courses.nodes).toEqual([
    {
      id: '7',
      title: 'Optics',
      status: 'ACTIVE',
      totalEnrollments: 2,
      activeEnrollments: 2,
      enrollments: {
        nodes: [
          { status: 'ACTIVE', student: { name: 'bob', email: 'user-2@rollcall.invalid' } },
          { status: 'ACTIVE', student: { name: 'ann', email: 'ann@school.example' } },
        ],
      },
    },
  ]);
  expect(await database.em.fork().execute('select seats_taken as n from courses_course')).toEqual([{ n: 2 }]);

  const opened = { database, counters: 'hooks', viewer: operator, tables: tableNames } as const;
  const amiss: string[] = [];
  for (const { name, examine } of databaseChecks)
    for (const { status, message } of await examine(opened, () => undefined))
      if (status !== 'ok') amiss.push(`${name}: ${message}`);
  expect(amiss).toEqual(['rows: Users without an email: 1. They stay.']);
});

/** Makes the tables, and opens their database to be adopted. */
async function openToAdoptAfter(url: string): ReturnType<typeof openToAdopt> {
  const maker = await openDatabase(url);
  for (const sql of tables) await maker.em.getConnection().execute(sql, [], 'run');
  await maker.close(true);
  return openToAdopt(url);
}
