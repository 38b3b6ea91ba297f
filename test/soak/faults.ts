import { setTimeout as delay } from 'node:timers/promises';
import { createConnection, type Connection } from 'mysql2/promise';
import { fillTable } from '../support/full-database.ts';
import type { Kind, Session, SoakDatabase } from './database.ts';
import type { About, Load } from './load.ts';
import type { Problems } from './problems.ts';
import type { Rollcall } from './rollcall.ts';
import type { Group } from './tally.ts';

/** Where a fault takes place. */
export interface Stage {
  readonly database: SoakDatabase;
  readonly server: Rollcall;
  readonly load: Load;
  readonly problems: Problems;
  /** Courses that stay, ascending. */
  readonly courses: readonly string[];
  /** Starts another server on the same database. */
  readonly startAnother: () => Promise<Rollcall>;
}

/** What callers of one group may be told, besides what they asked for. */
interface Told {
  readonly read: readonly string[];
  readonly write: readonly string[];
}

/** A fault that a soak can provoke. */
export interface Fault {
  readonly name: string;
  /** What is done, for people. */
  readonly does: string;
  readonly on: readonly Kind[];
  /** Whether it can only be provoked where the soak has started the database's server. */
  readonly needsOwnServer?: true;
  /** How long it lasts unless said otherwise, in seconds. */
  readonly seconds: number;
  /** What it touches; callers of all else may be told nothing but what they asked for, unless `untouched` says so. */
  readonly touches: (about: About, stage: Stage) => boolean;
  readonly touched: Told;
  readonly untouched?: Told;
  /**
   * The part of the changes of other courses that may be told that the server is busy: they wait behind one that moves
   * a student between theirs and one that is touched.
   */
  readonly joined?: number;
  /** What /readyz must say while it lasts; null: either. */
  readonly ready: 200 | 503 | null;
  /** The kinds of fault of which the log may warn. */
  readonly logged: readonly string[];
  /** Whether callers can be seen to be told of it. */
  readonly isTold: boolean;
  /** How soon after its end all must be well again, in seconds. */
  readonly wellWithin: number;
  /** Begins it, and returns what ends it. */
  readonly begin: (stage: Stage) => Promise<() => Promise<void>>;
}

const servers: readonly Kind[] = ['mysql', 'mariadb'];
const everywhere: readonly Kind[] = ['sqlite', ...servers];
/** Nothing but what was asked for. */
export const nothingTold: Told = { read: [], write: [] };
const LOCKED = 5;
const SLOW_READERS = 30;
const MAX_JOINED = 0.2;
/**
 * How often it is looked whether something is free, and whether something has come that comes at once, in milliseconds.
 */
const LOOK_MS = 100;
const SOON_MS = 20;

const isChange = ({ kind }: About): boolean => kind === 'write';
const isOf =
  (courses: readonly string[]) =>
  (about: About): boolean =>
    isChange(about) && about.courses.some(course => courses.includes(course));
const ofTable =
  (table: About['tables'][number]) =>
  ({ tables }: About): boolean =>
    tables.includes(table);

/** What may be told of rows that others keep locked: also where the lock comes free as the time of the request ends. */
const locked: Told = { read: [], write: ['RETRY_LATER', 'REQUEST_TIMEOUT', 'READ_FAILED'] };

/** What readers may be told who get no connection in time. */
const busyReads = ['RETRY_LATER', 'REQUEST_TIMEOUT'];

/** What anybody may be told of a database that cannot be reached. */
const away: Told = {
  read: ['DATABASE_UNAVAILABLE', 'READ_FAILED', 'REQUEST_TIMEOUT', 'RETRY_LATER'],
  write: ['DATABASE_UNAVAILABLE', 'READ_FAILED', 'REQUEST_TIMEOUT', 'RETRY_LATER', 'COMMIT_UNKNOWN'],
};

/** Every fault, each with what callers may be told. */
export const faults: readonly Fault[] = [
  {
    name: 'none',
    does: 'nothing is wrong',
    on: everywhere,
    seconds: 30,
    touches: () => false,
    touched: nothingTold,
    ready: 200,
    logged: [],
    isTold: false,
    wellWithin: 1,
    begin: () => Promise.resolve(() => Promise.resolve()),
  },
  {
    name: 'locked-courses',
    does: `another client holds the locks of ${LOCKED} courses`,
    on: servers,
    seconds: 30,
    touches: (about, { courses }) => isOf(courses.slice(0, LOCKED))(about),
    touched: locked,
    joined: MAX_JOINED,
    ready: 200,
    logged: [],
    isTold: true,
    wellWithin: 5,
    async begin({ database, courses, load }) {
      const session = await database.session();
      await session.query('begin');
      await session.query(`select id from core_course where id in (${courses.slice(0, LOCKED).join(', ')}) for update`);
      const stop = load.repeat(1, () => load.enrollIn(courses[1]!));
      return async () => {
        await ended(session);
        await stop();
      };
    },
  },
  {
    name: 'alter-table',
    does: 'ALTER TABLE core_enrollments copies it, waits for a transaction that has read it, and all others wait behind it',
    on: servers,
    seconds: 20,
    // MariaDB lets nobody change the tables to which it refers either.
    touches: (about, { database }) =>
      ofTable('core_enrollments')(about) || (database.kind === 'mariadb' && isChange(about)),
    touched: { ...locked, read: busyReads },
    ready: 200,
    logged: [],
    isTold: true,
    wellWithin: 20,
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
        await delay(SOON_MS);
      return async () => {
        await reader.query('rollback');
        await changed;
        await Promise.all([ended(reader), ended(changer)]);
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
    isTold: true,
    wellWithin: 10,
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
    // Those who wait behind others for their turn to change a course are told of that.
    touched: { read: [], write: ['DATABASE_UNAVAILABLE', ...locked.write] },
    ready: 503,
    logged: ['read_only'],
    isTold: true,
    wellWithin: 10,
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
    isTold: true,
    wellWithin: 10,
    begin: crowdOut,
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
    isTold: true,
    wellWithin: 20,
    async begin(stage) {
      const giveRoom = await fill(stage);
      // Small rows find room for a while in what there is.
      const stop = stage.load.repeat(1, () => stage.load.makeLargeCourse());
      return async () => {
        await stop();
        await giveRoom();
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
    isTold: true,
    wellWithin: 5,
    async begin({ database }) {
      const session = await database.session();
      await session.query('begin immediate');
      return () => ended(session);
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
    isTold: true,
    wellWithin: 10,
    begin: freezeAnother,
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
    isTold: true,
    wellWithin: 10,
    async begin({ database, load }) {
      const session = await database.session();
      await session.query('lock tables core_recount_runs write');
      const stop = load.repeat(SLOW_READERS, () => load.readRuns());
      return async () => {
        await ended(session);
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
    touched: nothingTold,
    ready: 200,
    logged: [],
    isTold: false,
    wellWithin: 5,
    begin({ load }) {
      const stops = [load.repeat(1, () => load.courseLife()), load.repeat(3, () => load.readNewest())];
      return Promise.resolve(async () => void (await Promise.all(stops.map(stop => stop()))));
    },
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
    isTold: true,
    wellWithin: 10,
    async begin({ database }) {
      await database.server!.kill();
      return () => database.server!.start();
    },
  },
];

/** Returns why a fault cannot be provoked on a database, which the soak has started itself or not; null: it can. */
export function obstacle(fault: Fault, kind: Kind, isOwn: boolean): string | null {
  if (!fault.on.includes(kind)) return `there is no such fault of ${kind}`;
  return fault.needsOwnServer && !isOwn ? 'it needs a database that the soak has started itself' : null;
}

/** Returns what a caller of a group may be told while a fault lasts. */
export function mayBeTold(fault: Fault, group: Group): Told {
  return group === 'touched' ? fault.touched : (fault.untouched ?? nothingTold);
}

/** Ends a session, and with it what it holds. */
async function ended(session: Session): Promise<void> {
  await session.end();
}

/** Takes every connection of the database but that of an administrator. */
async function crowdOut({ database }: Stage): Promise<() => Promise<void>> {
  const root = await database.session();
  const [before] = await root.query<{ Value: string }>("show variables like 'max_connections'");
  await root.query('set global max_connections = 10');
  const taken: Connection[] = [];
  const connect = async (): Promise<boolean> => {
    const connection = await createConnection({
      host: '127.0.0.1',
      port: database.server!.port,
      user: 'crowd',
      password: 'secret',
    }).catch((error: unknown) => {
      if ((error as { errno?: number }).errno === 1040) return null;
      throw error;
    });
    if (connection) taken.push(connection);
    return connection !== null;
  };
  /** Ends the connections of the server, and takes all that are free; returns how many the server had. */
  const crowd = async (): Promise<number> => {
    const ids = await root.query<{ id: number }>("select id from information_schema.processlist where user = 'teller'");
    for (const { id } of ids) await root.query(`kill ${id}`).catch(() => undefined);
    while (await connect());
    return ids.length;
  };
  while ((await crowd()) > 0);
  // A session that was ended may give its place back only later.
  let goesOn = true;
  const crowding = (async () => {
    while (goesOn) {
      await delay(LOOK_MS);
      await crowd();
    }
  })();
  return async () => {
    goesOn = false;
    await crowding;
    for (const connection of taken) await connection.end();
    await root.query(`set global max_connections = ${before!.Value}`);
    await root.end();
  };
}

/** Leaves no room in a database, and returns what gives it back. */
async function fill({ database, server }: Stage): Promise<() => Promise<void>> {
  if (database.kind === 'sqlite') {
    server.toggleRoom();
    return () => Promise.resolve(server.toggleRoom());
  }
  const session = await database.session();
  const takeBack = await fillTable(sql => session.query(sql), 'soak', ['core_course', 'core_enrollments']);
  return async () => {
    await takeBack();
    await ended(session);
  };
}

/**
 * Stops a second server while it holds the locks of two courses. It waits for the second one, which another session has
 * locked, with the first one in its hands; so it is known to be in the middle of a transaction.
 */
async function freezeAnother(stage: Stage): Promise<() => Promise<void>> {
  const { database, courses } = stage;
  // Not the one that has few seats.
  const [, first, second] = courses as [string, string, string];
  const another = await stage.startAnother();
  const isLocked = async (): Promise<boolean> => {
    const rows = database.query(`select id from core_course where id = ${first} for update nowait`);
    return rows.then(
      () => false,
      (error: unknown) => {
        if ([1205, 3572].includes((error as { errno: number }).errno)) return true;
        throw error;
      },
    );
  };
  const { moved } = await stage.load.undisturbed(async () => {
    const holder = await database.session();
    await holder.query('begin');
    await holder.query(`select id from core_course where id = ${second} for update`);
    let isOver = false;
    const moving = stage.load.moveBy(another.url, first, second).finally(() => (isOver = true));
    while (!isOver && !(await isLocked())) await delay(SOON_MS);
    if (isOver) {
      await moving;
      throw new Error(`A student was moved to course ${second}, though somebody has locked it.`);
    }
    another.freeze();
    // Now it gets the second one too, and does not know.
    await ended(holder);
    return { moved: moving };
  });
  const stop = stage.load.repeat(1, () => stage.load.enrollIn(second));
  const free = (async () => {
    while (await isLocked()) await delay(LOOK_MS);
  })();
  return async () => {
    // The database ends the transaction by itself, which is the end of the fault.
    await free;
    await stop();
    another.thaw();
    await moved;
    const code = await another.stop();
    if (code !== 0) stage.problems.add(`a server that had been stopped for a while ended with ${code}`);
  };
}
