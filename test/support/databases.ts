import { afterAll, beforeAll, beforeEach, describe, inject } from 'vitest';
import { installTriggers, type CounterStrategy } from 'mikro-orm-counters';
import { openDatabase, type Database } from '../../src/database/database.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import { describeAmong } from './describe-among.js';
import { freshUrl } from './fresh-url.js';
import { migrate } from './migrated.js';
import { programOf, serverKinds, type ServerKind } from './server.js';
import { emptyAtOnce } from './server-connections.js';
import { giveBack, madeDatabase, takeUsed } from './used-databases.js';

export { freshUrl };

/** The strategy under which this run keeps the counters: the same tests run under both. */
export const strategy = (process.env['COUNTERS'] ?? 'hooks') as CounterStrategy;

/** The available databases, always including SQLite. */
export const kinds: DatabaseKind[] = [
  'sqlite',
  ...([...serverKinds, 'postgresql'] as const).filter(kind => inject('servers')[kind]),
];

/** Runs the same tests on every database. */
export function describeOnEach(name: string, body: (kind: DatabaseKind) => void): void {
  describeOn(kinds, name, body);
}

/** The available ones of SQLite, MySQL and MariaDB. */
export const firstThreeKinds = kinds.filter(kind => kind !== 'postgresql');

/**
 * Runs the same tests on SQLite, MySQL and MariaDB: those of what only these have, and those with hundreds of cases in
 * which PostgreSQL has no part.
 */
export function describeOnFirstThree(name: string, body: (kind: Exclude<DatabaseKind, 'postgresql'>) => void): void {
  describeOn(firstThreeKinds, name, body);
}

function describeOn<Kind extends string>(wanted: readonly Kind[], name: string, body: (kind: Kind) => void): void {
  describe.each<Kind>([...wanted])(`${name} on %s`, kind => {
    body(kind);
  });
}

/** The kinds of databases where several connections write at once. */
export const engineServerKinds = [...serverKinds, 'postgresql'] as const;
type AnyServerKind = (typeof engineServerKinds)[number];

/** A database of the engine. */
export type EngineDatabaseKind = DatabaseKind;

/** Runs the same tests on every database of the engine, or on the wanted ones: tests that make their own tables. */
export function describeOnEngineDatabases(
  name: string,
  body: (kind: EngineDatabaseKind) => void,
  wanted: readonly EngineDatabaseKind[] = ['sqlite', ...engineServerKinds],
): void {
  describeAmong(
    wanted,
    kind => kind === 'sqlite' || inject('servers')[kind] !== undefined,
    kind => `${name} on ${kind}`,
    body,
  );
}

/** Runs behaviours of servers, where several connections write at once, on each of the servers, or on the wanted ones. */
export function describeOnServers<Kind extends AnyServerKind = AnyServerKind>(
  name: string,
  body: (kind: Kind) => void,
  wanted: readonly Kind[] = engineServerKinds as readonly AnyServerKind[] as readonly Kind[],
): void {
  describeAmong(
    wanted,
    kind => kinds.includes(kind),
    kind => `${name} on ${kind}`,
    body,
  );
}

/** Runs behaviours of MySQL and MariaDB alone. */
export function describeOnMySql(name: string, body: (kind: ServerKind) => void): void {
  describeOnServers(name, body, serverKinds);
}

/** Runs behaviours of a server that the tests start for themselves and may kill, with each kind of server. */
export function describeWithOwnServers(name: string, body: (kind: ServerKind) => void): void {
  describeAmong(
    serverKinds,
    kind => programOf(kind) !== undefined,
    kind => `${name} on ${kind}`,
    body,
  );
}

/**
 * Opens a migrated, empty database for this caller alone. On a server it may be one that another test has used, and
 * `drop` leaves it for other tests.
 */
export async function freshDatabase(
  kind: DatabaseKind,
): Promise<{ database: Database; url: string; drop: () => Promise<void> }> {
  const given = await takeUsed(kind);
  const { url, drop } = given ?? freshUrl(kind);
  const database = await openDatabase(url, strategy);
  if (!given) {
    await migrate(database);
    if (strategy === 'triggers') await installTriggers(database.em);
  }
  // It has a connection then, wherever the database comes from.
  await database.schema.ensureDatabase();
  const made = given ?? (kind === 'sqlite' ? null : await madeDatabase(kind, url, drop));
  return {
    database,
    url,
    async drop() {
      await database.close(true);
      if (made === null) await drop();
      else giveBack(made);
    },
  };
}

/**
 * Opens one migrated database for the block of tests that calls this, and empties it before each of them; its ids go on.
 * A test that changes the schema or leaves work behind, and one that leaves drift where triggers count, needs a database
 * of its own: a trigger refuses to count below 0 when the rows are deleted.
 */
export function useDatabase(kind: DatabaseKind): { readonly database: Database; readonly url: string } {
  let opened: Awaited<ReturnType<typeof freshDatabase>>;
  beforeAll(async () => {
    opened = await freshDatabase(kind);
  });
  beforeEach(() => emptyAtOnce(kind, opened.database));
  afterAll(() => opened.drop());
  return {
    get database() {
      return opened.database;
    },
    get url() {
      return opened.url;
    },
  };
}
