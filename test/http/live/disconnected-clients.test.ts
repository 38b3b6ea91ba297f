import { afterEach, beforeEach, expect, it } from 'vitest';
import { dialectOf, openDatabase, type Database } from '../../../src/database/database.js';
import { poolUse } from '../../../src/database/connections/pool-use.js';
import { addCourse, startApi, type Api } from '../../support/api.js';
import { waitUntil } from '../../support/wait.js';
import { describeOnEach, describeOnServers } from '../../support/databases.js';
import { isMySql } from '../../support/server.js';
import { protocols, subscribeBy, type LiveClient } from '../../support/live-clients.js';
import { tableLockWaits } from '../../support/lock-waits.js';
import { bypassCounters } from '../../support/place-on.js';
import { steppedClock, type SteppedClock } from '../../support/stepped-clock.js';
import { lockCoursesTable, lockTable } from '../../support/table-lock.js';

/** A selection that takes a statement for each message. */
const query =
  'subscription Counts($ids: [ID!]) { courseCountsChanged(courseIds: $ids) { courseId course { totalEnrollments activeEnrollments enrollmentsCount { count } } } }';

/** Makes the present connections of a server wait for locks longer than a test does. */
async function waitLong({ database }: Api): Promise<void> {
  const { idle } = await poolUse(database);
  const longer = isMySql(dialectOf(database).kind)
    ? 'set session lock_wait_timeout = 600'
    : "set session lock_timeout = '600s'";
  const all = Array.from({ length: idle }, () => database.em.fork());
  await Promise.all(all.map(em => em.begin()));
  await Promise.all(all.map(em => em.execute(longer)));
  // A rollback would take PostgreSQL's settings back.
  await Promise.all(all.map(em => em.commit()));
}

describeOnEach('the first look of a subscription', kind => {
  let api: Api;
  beforeEach(async () => {
    api = await startApi(kind, { clock: steppedClock(), env: { REQUEST_TIMEOUT: '600' } });
  });
  afterEach(() => api.stop());

  it.each(protocols)('the first look of a subscription by %s ends when its client leaves', async protocol => {
    await addCourse(api.database);
    if (kind !== 'sqlite') await waitLong(api);
    const closeSubscriptions = await lockCoursesTable(api.database, api.databaseUrl);
    // On SQLite it waits for the one connection, otherwise for the table.
    const looks = async (): Promise<number> => (await poolUse(api.database))[kind === 'sqlite' ? 'waiting' : 'active'];
    const client = subscribeBy(protocol, api.url);
    const message = client.next().catch(() => undefined);
    await waitUntil(async () => (await looks()) === 1, 'Nothing is looked for.');
    client.close();
    // The table is still locked.
    await waitUntil(async () => (await looks()) === 0, 'The look goes on without its client.');
    await message;
    await closeSubscriptions();
  });
});

describeOnServers('the making of a message', kind => {
  let api: Api;
  let clock: SteppedClock;
  let other: Database;
  let client: LiveClient;

  async function begin(protocol: (typeof protocols)[number], seconds: number): Promise<void> {
    clock = steppedClock();
    api = await startApi(kind, { clock, env: { REQUEST_TIMEOUT: String(seconds) } });
    other = await openDatabase(api.databaseUrl);
    const course = await addCourse(api.database);
    await waitLong(api);
    client = subscribeBy(protocol, api.url, { query, courseIds: [course] });
    await client.counts();
  }
  afterEach(async () => {
    client.close();
    await other.close(true);
    await api.stop();
  });

  /** Makes a message due that cannot be made; returns a function that makes it possible. */
  async function messageUnderWay(): Promise<() => Promise<void>> {
    await bypassCounters(other, 'update core_course set total_enrollments = 1');
    const closeSubscriptions = await lockTable(api.database, api.databaseUrl, 'core_enrollments');
    await clock.tick();
    await waitUntil(async () => (await tableLockWaits(other)) === 1, 'No message is made.');
    return closeSubscriptions;
  }

  it.each(protocols)(
    'the making of a message by %s stops when its time is over, which its client is told',
    async protocol => {
      await begin(protocol, 2);
      const closeSubscriptions = await messageUnderWay();
      const message = await client.next();
      await closeSubscriptions();
      expect(message).toMatchObject({
        errors: [
          { path: ['courseCountsChanged', 'course', 'enrollmentsCount'], extensions: { code: 'REQUEST_TIMEOUT' } },
        ],
      });
    },
  );

  it.each(protocols)('the making of a message by %s stops when its client leaves', async protocol => {
    await begin(protocol, 600);
    const closeSubscriptions = await messageUnderWay();
    client.close();
    await waitUntil(async () => (await tableLockWaits(other)) === 0, 'The message is made without its client.');
    await closeSubscriptions();
  });
});
