import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../src/database/database.js';
import { dialects } from '../../src/database/dialects/dialects.js';
import { faultOf } from '../../src/database/faults/fault-of.js';
import { migrateUp } from '../../src/database/schema/migrate-up.js';
import { builderFor, rows } from '../../src/database/query.js';
import { withinOwnLimit } from '../../src/database/time-limits/time-limit.js';
import { Role, User } from '../../src/entities/index.js';
import { describeAmong } from '../support/describe-among.js';
import { engineServerKinds, freshDatabase, freshUrl } from '../support/databases.js';
import { addCourses, addUsers } from '../support/rows.js';

const here = (wanted: string): boolean => engineServerKinds.some(kind => kind === wanted);

describeAmong(
  ['postgresql'] as const,
  here,
  kind => `the server on ${kind}`,
  kind => {
    let database: Database;
    let url: string;
    let drop: () => Promise<void>;

    beforeAll(async () => {
      ({ database, url, drop } = await freshDatabase(kind));
    });
    afterAll(() => drop());

    const select = <Row extends object>(sql: string): Promise<Row[]> => database.em.getConnection().execute<Row[]>(sql);

    it('a session has the time zone, limits and name that the program relies on', async () => {
      const [settings] = await select(
        `select current_setting('timezone') as zone, current_setting('lock_timeout') as lock, current_setting('idle_in_transaction_session_timeout') as idle,
         current_setting('transaction_isolation') as isolation, current_setting('application_name') as name, current_setting('client_connection_check_interval') as look`,
      );
      expect(settings).toEqual({
        zone: 'UTC',
        lock: '5s',
        idle: '15s',
        isolation: 'read committed',
        name: 'rollcall',
        look: '5s',
      });
    });

    it('a URL may begin with postgres:, and names the session', async () => {
      const other = await openDatabase(`${url.replace(/^postgresql:/, 'postgres:')}?application_name=school`);
      const [row] = await other.em.getConnection().execute("select current_setting('application_name') as name");
      await other.close(true);
      expect(row).toEqual({ name: 'school' });
    });

    it('an email address that differs only in case or accents is the same', async () => {
      const em = database.em.fork();
      em.create(User, { name: 'One', email: 'zoë@example.org', role: Role.STUDENT });
      await em.flush();
      const other = database.em.fork();
      other.create(User, { name: 'Other', email: 'ZOE@example.org', role: Role.STUDENT });
      await expect(other.flush()).rejects.toThrow('core_user_email_unique');
      expect(await database.em.fork().count(User, { email: 'ZoE@EXAMPLE.ORG' })).toBe(1);
    });

    it('a commit after a statement that failed is an error, because the server has rolled back', async () => {
      const before = await database.em.fork().count(User);
      const em = database.em.fork();
      await em.begin();
      await addUserWithin(em);
      await expect(em.execute('select 1 / 0')).rejects.toThrow('division by zero');
      await expect(em.commit()).rejects.toThrow('rolled back at its COMMIT');
      await em.rollback();
      expect(await database.em.fork().count(User)).toBe(before);
    });

    it('a statement ends at its time limit, and its connection serves the next one', async () => {
      await expect(
        withinOwnLimit(0.2, () =>
          rows(
            database,
            builderFor(database).selectNoFrom(eb => eb.fn('pg_sleep', [eb.lit(60)]).as('slept')),
          ),
        ),
      ).rejects.toThrow('took longer than');
      expect(await select('select 1 as one')).toEqual([{ one: 1 }]);
      // The server itself ends no statement without a limit.
      expect(await select("select current_setting('statement_timeout') as limit")).toEqual([{ limit: '0' }]);
    });

    it('a session that was ended is a lost connection, and the next statement has another one', async () => {
      const em = database.em.fork();
      await em.begin();
      const [own] = await em.execute<{ pid: number }[]>('select pg_backend_pid() as pid');
      await select(`select pg_terminate_backend(${own!.pid})`);
      const error = await em.execute('select 1').catch((thrown: unknown) => thrown);
      expect(faultOf(error)).toMatchObject({ isAway: true, isTransient: true, atCommit: 'unknown' });
      await em.rollback().catch(() => undefined);
      expect(await select('select 1 as one')).toEqual([{ one: 1 }]);
    });

    it('several processes that migrate at once make the tables once', async () => {
      const fresh = freshUrl(kind);
      const all = await Promise.all(Array.from({ length: 4 }, () => openDatabase(fresh.url)));
      const applied = await Promise.all(all.map(one => migrateUp(one)));
      expect(applied.flat()).toEqual(dialects[kind].schema.migrations.map(({ name }) => name));
      await Promise.all(all.map(one => one.close(true)));
      await fresh.drop();
    });

    it('a page is read after a cursor from the index, by one comparison of rows', async () => {
      await addCourses(database, [{ title: 'Optics' }, { title: 'optics' }, { title: 'Óptics' }]);
      await addUsers(database, Role.STUDENT, 1);
      const { sql } = dialects[kind];
      const found = await rows(
        database,
        builderFor(database)
          .selectFrom('core_course')
          .select('title')
          .where(eb =>
            sql.isBeyond({ column: eb.ref('title'), value: 'OPTICS' }, { column: eb.ref('id'), value: 0 }, '>'),
          )
          .orderBy('id'),
      );
      expect(found.map(({ title }) => title)).toEqual(['Optics', 'optics', 'Óptics']);
    });
  },
);

async function addUserWithin(em: ReturnType<Database['em']['fork']>): Promise<void> {
  em.create(User, { name: 'Gone', email: 'gone@example.org', role: Role.STUDENT });
  await em.flush();
}

describe('an error of PostgreSQL', () => {
  it.each<[string, object, string]>([
    ['a deadlock', { code: '40P01', severity: 'ERROR' }, 'deadlock'],
    ['a failed serialization', { code: '40001', severity: 'ERROR' }, 'changed'],
    ['a lock', { code: '55P03', severity: 'ERROR' }, 'lock_wait'],
    ['too many connections', { code: '53300', severity: 'FATAL' }, 'crowded'],
    ['a shutdown', { code: '57P01', severity: 'FATAL' }, 'stopped'],
    ['a start', { code: '57P03', severity: 'FATAL' }, 'stopped'],
    ['a replica', { code: '25006', severity: 'ERROR' }, 'read_only'],
    ['a full disk', { code: '53100', severity: 'ERROR' }, 'full'],
    ['a wrong password', { code: '28P01', severity: 'FATAL' }, 'refused'],
    ['a missing database', { code: '3D000', severity: 'FATAL' }, 'refused'],
    ['a missing privilege', { code: '42501', severity: 'ERROR' }, 'denied'],
    ['a duplicate', { code: '23505', severity: 'ERROR' }, 'row_refused'],
    ['what a trigger says', { code: 'P0001', severity: 'ERROR' }, 'row_refused'],
    ['a text that is too long', { code: '22001', severity: 'ERROR' }, 'row_refused'],
    ['a division by zero', { code: '22012', severity: 'ERROR' }, 'mistaken'],
    ['a damaged file', { code: 'XX001', severity: 'ERROR' }, 'broken'],
    ['a refused connection', { code: 'ECONNREFUSED', hasNoConnection: true }, 'disconnected'],
    ['a lost connection', { code: 'CLOSED', hasNoConnection: true }, 'disconnected'],
    ['a certificate', { code: 'SELF_SIGNED_CERT_IN_CHAIN', hasNoConnection: true }, 'refused'],
  ])('an error of PostgreSQL is of its kind: %s', (_, properties, kind) => {
    expect(faultOf(Object.assign(new Error('the server says so'), properties))?.kind).toBe(kind);
  });
});
