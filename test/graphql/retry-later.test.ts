import { expect, it } from 'vitest';
import { openDatabase } from '../../src/database/database.js';
import { Role } from '../../src/entities/index.js';
import { errorCatalogue } from '../../src/graphql/errors/error-catalogue.js';
import { addCourse, addUser, startApi, storedAndActual } from '../support/api.js';
import { waitUntil } from '../support/wait.js';
import { kinds } from '../support/databases.js';
import { tableLockWaits } from '../support/lock-waits.js';
import { plainClient } from '../support/plain-client.js';
import { allRows, expectExactCounts } from '../support/rows.js';
import { lockTable } from '../support/table-lock.js';

// All at once, because waiting for a lock takes long here.
it.concurrent.for(kinds)(
  'enroll in a course that another connection has locked ends with RETRY_LATER after bounded tries, changes nothing, and works once the lock is gone, on %s',
  async (kind, { onTestFinished }) => {
    const api = await startApi(kind);
    const other = await openDatabase(api.databaseUrl);
    const holder = other.em.fork();
    onTestFinished(async () => {
      if (holder.isInTransaction()) await holder.rollback();
      await other.close(true);
      await api.stop();
    });
    const [course, student] = [await addCourse(api.database), await addUser(api.database, Role.STUDENT)];
    const token = await api.token(Role.STUDENT, student);
    const enroll = () =>
      api.send(
        token,
        `mutation { enroll(input: { courseId: ${course} }) { course { totalEnrollments } userErrors { code } } }`,
      );
    const before = await allRows(api.database);

    await holder.begin();
    await holder.execute('update core_course set capacity = 1 where id = ?', [course], 'run');
    const statements = await api.statements(async () => {
      const { data, errors, status } = await enroll();
      expect([data, errorCatalogue.RETRY_LATER.status]).toEqual([null, [status]]);
      expect(errors).toMatchObject([
        { path: ['enroll'], message: errorCatalogue.RETRY_LATER.message[0], extensions: { code: 'RETRY_LATER' } },
      ]);
    });
    // SQLite's one writer waits before its first statement.
    if (kind !== 'sqlite') {
      const tries = statements.filter(sql => /core_course.* for (no key )?update$/.test(sql));
      // Before each, the course is looked up as the viewer sees it.
      expect(
        statements.filter(sql => !tries.includes(sql) && !/^select .id. from .core_course. where /.test(sql)),
      ).toEqual([]);
      expect(tries.length).toBeGreaterThan(1);
      // Eleven tries of 5 seconds each would be a minute.
      expect(tries.length).toBeLessThan(4);
    }
    expect(await allRows(api.database)).toEqual(before);

    await holder.rollback();
    expect((await enroll()).data).toEqual({ enroll: { course: { totalEnrollments: 1 }, userErrors: [] } });
    await expectExactCounts(api.database);
  },
);

it.concurrent.for(kinds.filter(kind => kind !== 'sqlite'))(
  'reading or writing a table behind a waiting change of the schema ends with an error after a bounded wait, and works once the change is done, on %s',
  async (kind, { onTestFinished }) => {
    const api = await startApi(kind);
    const other = await openDatabase(api.databaseUrl);
    const holder = other.em.fork();
    // A client with the limit of the server, which is a day or a year.
    const changer = await plainClient(api.databaseUrl);
    onTestFinished(async () => {
      if (holder.isInTransaction()) await holder.rollback();
      await changer.end();
      await other.close(true);
      await api.stop();
    });
    const [course, student] = [await addCourse(api.database), await addUser(api.database, Role.STUDENT)];
    const admin = await api.token(Role.ADMIN, null);
    const ask = () =>
      Promise.all([
        api.send(null, '{ courses { totalCount } }'),
        api.send(admin, 'mutation { createCourse(input: { title: "Late" }) { course { title } } }'),
        api.send(
          admin,
          `mutation { enroll(input: { courseId: ${course}, studentId: ${student} }) { course { totalEnrollments } } }`,
        ),
      ]);
    await holder.begin();
    // A transaction that has read the table, and is open.
    await holder.execute('select 1 from core_course');
    const change = changer.query('alter table core_course add column spare int null');
    await waitUntil(async () => (await tableLockWaits(other)) === 1, 'The change of the schema does not wait.');
    const [whenWriting, whenReading] = errorCatalogue.RETRY_LATER.message;
    const told = (await ask()).map(({ status, data, errors }) => [
      status,
      data,
      ...(errors ?? []).map(({ message, extensions }) => [extensions.code, message]),
    ]);
    expect(told).toEqual([
      [200, null, ['RETRY_LATER', whenReading]],
      [200, null, ['RETRY_LATER', whenWriting]],
      [200, null, ['RETRY_LATER', whenWriting]],
    ]);

    await holder.rollback();
    await change;
    expect(await storedAndActual(api.database)).toEqual([{ id: course, stored: [0, 0], actual: [0, 0] }]);
    expect((await ask()).map(({ errors }) => errors)).toEqual([undefined, undefined, undefined]);
    await expectExactCounts(api.database);
  },
);

it.concurrent.for(kinds.filter(kind => kind !== 'sqlite'))(
  'a token whose user is in a table that another client has locked is rejected with DATABASE_UNAVAILABLE after a bounded wait, on %s',
  async (kind, { onTestFinished }) => {
    const api = await startApi(kind);
    const token = await api.token(Role.STUDENT, await addUser(api.database, Role.STUDENT));
    const release = await lockTable(api.database, api.databaseUrl, 'core_user');
    onTestFinished(async () => {
      await release();
      await api.stop();
    });
    const { status, errors } = await api.send(token, '{ __typename }');
    expect([status, errors]).toMatchObject([
      503,
      [{ message: errorCatalogue.DATABASE_UNAVAILABLE.message[0], extensions: { code: 'DATABASE_UNAVAILABLE' } }],
    ]);
  },
);
