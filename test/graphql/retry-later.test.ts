import { expect, it } from 'vitest';
import { openDatabase } from '../../src/database/database.js';
import { Role } from '../../src/entities/index.js';
import { errorCatalogue } from '../../src/graphql/error-catalogue.js';
import { addCourse, addUser, startApi } from '../support/api.js';
import { kinds } from '../support/databases.js';
import { everything, expectExactCounts } from '../support/rows.js';

// All at once, for what takes long here is waiting for a lock.
it.concurrent.for(kinds)('enroll in a course that another connection holds on to ends with RETRY_LATER after bounded tries, changes nothing, and works once the course is let go, on %s', async (kind, { onTestFinished }) => {
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
  const enroll = () => api.send(token, `mutation { enroll(input: { courseId: ${course} }) { course { totalEnrollments } userErrors { code } } }`);
  const before = await everything(api.database);

  await holder.begin();
  await holder.execute('update core_course set capacity = 1 where id = ?', [course], 'run');
  const statements = await api.statements(async () => {
    const { data, errors, status } = await enroll();
    expect([data, errorCatalogue.RETRY_LATER.status]).toEqual([null, [status]]);
    expect(errors).toMatchObject([{ path: ['enroll'], message: errorCatalogue.RETRY_LATER.message[0], extensions: { code: 'RETRY_LATER' } }]);
  });
  // SQLite's one writer waits before its first statement.
  if (kind !== 'sqlite') {
    const tries = statements.filter(sql => /core_course.* for update$/.test(sql));
    // Before each, the course is looked up as the viewer sees it.
    expect(statements.filter(sql => !tries.includes(sql) && !/^select `id` from `core_course` where /.test(sql))).toEqual([]);
    expect(tries.length).toBeGreaterThan(1);
    // Eleven tries of 5 seconds each would be a minute.
    expect(tries.length).toBeLessThan(4);
  }
  expect(await everything(api.database)).toEqual(before);

  await holder.rollback();
  expect((await enroll()).data).toEqual({ enroll: { course: { totalEnrollments: 1 }, userErrors: [] } });
  await expectExactCounts(api.database);
});
