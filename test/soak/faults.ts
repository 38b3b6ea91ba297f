import { setTimeout as delay } from 'node:timers/promises';
import type { About } from './calls.ts';
import type { Kind } from './database.ts';
import { noCodes, type AllowedCodes, type Fault } from './fault.ts';
import { fillDatabase } from './fill-database.ts';
import { freezeSecondServer } from './freeze-server.ts';
import { beginSecondProgram } from './second-program.ts';
import { takeAllConnections } from './take-connections.ts';

const servers: readonly Kind[] = ['mysql', 'mariadb'];
const everywhere: readonly Kind[] = ['sqlite', ...servers];
const LOCKED_COURSES = 5;
const SLOW_READERS = 30;
const MAX_JOINED = 0.2;
/** The time between two checks that a statement waits, in milliseconds. */
const CHECK_MS = 20;

const isChange = ({ kind }: About): boolean => kind === 'write';
const isOf =
  (courses: readonly string[]) =>
  (about: About): boolean =>
    isChange(about) && about.courses.some(course => courses.includes(course));
const ofTable =
  (table: About['tables'][number]) =>
  ({ tables }: About): boolean =>
    tables.includes(table);

/** The codes for rows that others lock, even when the lock is released as the time of the request ends. */
const locked: AllowedCodes = { read: [], write: ['RETRY_LATER', 'REQUEST_TIMEOUT', 'READ_FAILED'] };

/** The codes for readers who get no connection in time. */
const busyReads = ['RETRY_LATER', 'REQUEST_TIMEOUT'];

/** The codes for an unreachable database. */
const away: AllowedCodes = {
  read: ['DATABASE_UNAVAILABLE', 'READ_FAILED', 'REQUEST_TIMEOUT', 'RETRY_LATER'],
  write: ['DATABASE_UNAVAILABLE', 'READ_FAILED', 'REQUEST_TIMEOUT', 'RETRY_LATER', 'COMMIT_UNKNOWN'],
};

/** Every fault, with the codes that callers may get. */
export const faults: readonly Fault[] = [
  {
    name: 'none',
    does: 'nothing is wrong',
    on: everywhere,
    seconds: 30,
    touches: () => false,
    touched: noCodes,
    ready: 200,
    logged: [],
    isVisible: false,
    recoversWithin: 1,
    begin: () => Promise.resolve(() => Promise.resolve()),
  },
  {
    name: 'locked-courses',
    does: `another client holds the locks of ${LOCKED_COURSES} courses`,
    on: servers,
    seconds: 30,
    touches: (about, { courses }) => isOf(courses.slice(0, LOCKED_COURSES))(about),
    touched: locked,
    joined: MAX_JOINED,
    ready: 200,
    logged: [],
    isVisible: true,
    recoversWithin: 5,
    async begin({ database, courses, load }) {
      const session = await database.session();
      await session.query('begin');
      await session.query(
        `select id from core_course where id in (${courses.slice(0, LOCKED_COURSES).join(', ')}) for update`,
      );
      const stop = load.repeat(1, () => load.changes.enrollIn(courses[1]!));
      return async () => {
        await session.end();
        await stop();
      };
    },
  },
  {
    name: 'alter-table',
    does: 'ALTER TABLE core_enrollments copies it, waits for a transaction that has read it, and all others wait behind it',
    on: servers,
    seconds: 20,
    // MariaDB blocks changes of the tables to which it refers too.
    touches: (about, { database }) =>
      ofTable('core_enrollments')(about) || (database.kind === 'mariadb' && isChange(about)),
    touched: { ...locked, read: busyReads },
    ready: 200,
    logged: [],
    isVisible: true,
    recoversWithin: 20,
    async begin({ database }) {
      const [reader, changer] = await Promise.all([database.session(), database.session()]);
      await reader.query('begin');
      await reader.query('select id from core_enrollments limit 1');
      const changed = changer.query('alter table core_enrollments force, algorithm = copy');
      changed.catch(() => undefined);
      const [{ id }] = (await reader.query<{ id: number }>('select connection_id() as id')) as [{ id: number }];
      while (
        !(
          await reader.query<{ state: string | null }>(
            `select state from information_schema.processlist where id <> ${id} and info like 'alter table%'`,
          )
        ).some(({ state }) => state?.includes('metadata lock'))
      )
        await delay(CHECK_MS);
      return async () => {
        await reader.query('rollback');
        await changed;
        await Promise.all([reader.end(), changer.end()]);
      };
    },
  },
  {
    name: 'hang',
    does: 'the database’s server is stopped (SIGSTOP) and answers nothing',
    on: servers,
    needsOwnServer: true,
    seconds: 20,
    touches: () => true,
    touched: away,
    ready: 503,
    logged: ['disconnected'],
    isVisible: true,
    recoversWithin: 10,
    begin({ database }) {
      database.server!.freeze();
      return Promise.resolve(() => Promise.resolve(database.server!.thaw()));
    },
  },
  {
    name: 'read-only',
    does: 'the database becomes read only, as in a failover',
    on: servers,
    needsOwnServer: true,
    seconds: 20,
    touches: isChange,
    // Changes that wait for their turn behind others of the same course get the codes of a lock.
    touched: { read: [], write: ['DATABASE_UNAVAILABLE', ...locked.write] },
    ready: 503,
    logged: ['read_only'],
    isVisible: true,
    recoversWithin: 10,
    async begin({ database }) {
      const name = database.kind === 'mysql' ? 'super_read_only' : 'read_only';
      await database.query(`set global ${name} = on`);
      return async () => void (await database.query('set global read_only = off'));
    },
  },
  {
    name: 'too-many-connections',
    does: 'the server’s connections are ended, and others take all that there are',
    on: servers,
    needsOwnServer: true,
    seconds: 20,
    touches: () => true,
    touched: away,
    ready: 503,
    logged: ['crowded', 'disconnected'],
    isVisible: true,
    recoversWithin: 10,
    begin: takeAllConnections,
  },
  {
    name: 'disk-full',
    does: 'the database has no room for more',
    on: everywhere,
    seconds: 20,
    needsOwnServer: true,
    touches: isChange,
    touched: { read: [], write: ['DATABASE_FULL'] },
    ready: 503,
    logged: ['full'],
    isVisible: true,
    recoversWithin: 20,
    async begin(context) {
      const restore = await fillDatabase(context);
      // Small rows fit the remaining room for a while.
      const stop = context.load.repeat(1, () => context.load.changes.createLargeCourse());
      return async () => {
        await stop();
        await restore();
      };
    },
  },
  {
    name: 'busy-file',
    does: 'another process writes to the file, and does not commit',
    on: ['sqlite'],
    seconds: 20,
    touches: isChange,
    touched: locked,
    ready: 200,
    logged: [],
    isVisible: true,
    recoversWithin: 5,
    async begin({ database }) {
      const session = await database.session();
      await session.query('begin immediate');
      return () => session.end();
    },
  },
  {
    name: 'frozen-server',
    does: 'a second server is stopped (SIGSTOP) in the middle of a transaction, with the locks of two courses, until the database ends that',
    on: servers,
    seconds: 0,
    touches: (about, { courses }) => isOf(courses.slice(1, 3))(about),
    touched: locked,
    joined: MAX_JOINED,
    ready: 200,
    logged: [],
    isVisible: true,
    recoversWithin: 10,
    begin: freezeSecondServer,
  },
  {
    name: 'slow-reads',
    does: `${SLOW_READERS} callers ask again and again for a table that somebody has locked`,
    on: servers,
    seconds: 20,
    touches: ofTable('core_recount_runs'),
    touched: { read: busyReads, write: [] },
    ready: 200,
    logged: [],
    isVisible: true,
    recoversWithin: 10,
    async begin({ database, load }) {
      const session = await database.session();
      await session.query('lock tables core_recount_runs write');
      const stop = load.repeat(SLOW_READERS, () => load.reads.runs());
      return async () => {
        await session.end();
        await stop();
      };
    },
  },
  {
    name: 'deleted-meanwhile',
    does: 'courses are deleted while pages of their enrollments are read',
    on: everywhere,
    seconds: 15,
    touches: ({ name }) => name === 'newest',
    touched: noCodes,
    ready: 200,
    logged: [],
    isVisible: false,
    recoversWithin: 5,
    begin({ load }) {
      const stops = [load.repeat(1, () => load.changes.courseLifeCycle()), load.repeat(3, () => load.reads.newest())];
      return Promise.resolve(async () => void (await Promise.all(stops.map(stop => stop()))));
    },
  },
  {
    name: 'second-program',
    does: 'another program writes the same courses as a Django app does, with signals that assign counts, beside a guard',
    on: servers,
    // As long as the run lets it.
    seconds: Number.POSITIVE_INFINITY,
    // It locks enrollments before their course.
    touches: isChange,
    touched: locked,
    ready: 200,
    logged: [],
    isVisible: false,
    recoversWithin: 5,
    begin: beginSecondProgram,
  },
  {
    name: 'killed-database',
    does: 'the database’s server is killed (SIGKILL), and started again',
    on: servers,
    needsOwnServer: true,
    seconds: 10,
    touches: () => true,
    touched: away,
    ready: 503,
    logged: ['disconnected', 'stopped'],
    isVisible: true,
    recoversWithin: 10,
    async begin({ database }) {
      await database.server!.kill();
      return () => database.server!.start();
    },
  },
];
