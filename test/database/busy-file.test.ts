import { DatabaseSync } from 'node:sqlite';
import { expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../src/database/database.js';
import { poolUse } from '../../src/database/connections/pool-use.js';
import { Role } from '../../src/entities/index.js';
import { enroll } from '../../src/use-cases/enrollments.js';
import { coursesById } from '../../src/reading/index.js';
import { addCourse, addUser, startApi } from '../support/api.js';
import { waitUntil } from '../support/wait.js';
import { freshDatabase } from '../support/databases.js';
import { expectExactCounts } from '../support/rows.js';

const admin = { userId: null, role: Role.ADMIN };

it('a file that another process writes to can be read meanwhile, the server stays ready, and changes wait for it without blocking the process', async () => {
  const api = await startApi('sqlite');
  const { database } = api;
  const other = new DatabaseSync(api.databaseUrl.slice('sqlite:'.length));
  onTestFinished(async () => {
    other.close();
    await api.stop();
  });
  const [course, student] = [await addCourse(database), await addUser(database, Role.STUDENT)];
  other.exec('begin immediate');
  other.exec(`update core_course set title = 'Not committed'`);
  const changing = enroll(database, admin, { courseId: course, studentId: student });
  await waitUntil(async () => (await poolUse(database)).active > 0, 'The change does not wait for the file.');
  expect(await api.send(null, '{ courses { nodes { title totalEnrollments } } }')).toMatchObject({
    status: 200,
    data: { courses: { nodes: [{ title: expect.not.stringContaining('Not'), totalEnrollments: 0 }] } },
  });
  expect((await fetch(new URL('/readyz', api.url))).status).toBe(200);
  // SQLite itself never waits, since it would block the process: neither the connection that writes nor those that
  // read.
  const connection = database.em.getConnection();
  const waits = [
    connection.execute('pragma busy_timeout'),
    connection.execute('select timeout from pragma_busy_timeout'),
  ];
  expect(await waits[1]).toEqual([{ timeout: 0 }]);
  other.exec('commit');
  expect([await waits[0], (await changing).problems]).toEqual([[{ timeout: 0 }], []]);
  expect(await api.send(null, '{ courses { nodes { title totalEnrollments } } }')).toMatchObject({
    data: { courses: { nodes: [{ title: 'Not committed', totalEnrollments: 1 }] } },
  });
  await expectExactCounts(database);
});

it.each(['a file', 'memory'])(
  'a transaction on %s sees what it has written, nobody else does before the commit, and everybody after it',
  async place => {
    const opened = place === 'a file' ? await freshDatabase('sqlite') : null;
    const database = opened?.database ?? (await openDatabase('sqlite::memory:'));
    if (!opened) await database.migrator.up();
    onTestFinished(() => opened?.drop() ?? database.close(true));
    const course = await addCourse(database, { title: 'Before' });
    const titles = async (): Promise<unknown> =>
      (await coursesById(database, 'anyone', [course])).map(one => one?.title);
    const em = database.em.fork();
    await em.begin();
    await em.execute(`update core_course set title = 'After'`, [], 'run');
    const reading = titles();
    expect(await em.execute('select title from core_course')).toEqual([{ title: 'After' }]);
    // A database in memory has one connection, for which a reader waits.
    if (opened) expect(await reading).toEqual(['Before']);
    await em.commit();
    expect([await reading, await titles()]).toEqual(opened ? [['Before'], ['After']] : [['After'], ['After']]);
  },
);

it('a statement that begins like a read but writes runs once', async () => {
  const opened = await freshDatabase('sqlite');
  onTestFinished(() => opened.drop());
  const course = await addCourse(opened.database, { capacity: 1 });
  const connection = opened.database.em.getConnection();
  await connection.execute(
    'with more (n) as (select 1) update core_course set capacity = capacity + (select n from more) where id = ?',
    [course],
    'run',
  );
  expect(await connection.execute('select capacity from core_course')).toEqual([{ capacity: 2 }]);
});

it('readers of a file do not queue behind a long read that goes on', async () => {
  const opened = await freshDatabase('sqlite');
  const { database } = opened;
  onTestFinished(() => opened.drop());
  const course = await addCourse(database);
  const em = database.em.fork();
  await em.begin({ readOnly: true });
  expect(await em.execute('select count(*) as n from core_course')).toEqual([{ n: 1 }]);
  expect(await coursesById(database, 'anyone', [course])).toHaveLength(1);
  await addCourse(database);
  // A read transaction sees one moment.
  expect(await em.execute('select count(*) as n from core_course')).toEqual([{ n: 1 }]);
  await em.rollback();
});
