import { describe, inject } from 'vitest';
import { installTriggers, type CounterStrategy } from 'mikro-orm-counters';
import { openDatabase, type Database } from '../../src/database/database.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import { describeAmong } from './describe-among.js';
import { freshUrl } from './fresh-url.js';
import { migrate } from './migrated.js';
import { programOf, serverKinds, type ServerKind } from './server.js';

export { freshUrl };

/** The strategy under which this run keeps the counters: the same tests run under both. */
export const strategy = (process.env['COUNTERS'] ?? 'hooks') as CounterStrategy;

/** The available databases, always including SQLite. */
export const kinds: DatabaseKind[] = ['sqlite', ...serverKinds.filter(kind => inject('servers')[kind])];

/** Runs the same tests on every database. */
export function describeOnEach(name: string, body: (kind: DatabaseKind) => void): void {
  describe.each(kinds)(`${name} on %s`, kind => {
    body(kind);
  });
}

/** A database of the engine, which also counts on one that Rollcall itself does not run on. */
export type EngineDatabaseKind = DatabaseKind | 'postgresql';

/**
 * Runs the same tests on every database of the engine, or on the wanted ones: tests that make their own tables. Those of
 * Rollcall's migrations, reader and API run on Rollcall's databases.
 */
export function describeOnEngineDatabases(
  name: string,
  body: (kind: EngineDatabaseKind) => void,
  wanted: readonly EngineDatabaseKind[] = [...kinds, 'postgresql'],
): void {
  describeAmong(
    wanted,
    kind => kind === 'sqlite' || inject('servers')[kind] !== undefined,
    kind => `${name} on ${kind}`,
    body,
  );
}

/** The kinds of databases of the engine where several connections write at once. */
export const engineServerKinds = [...serverKinds, 'postgresql'] as const;

/** Runs behaviours of servers, where several connections write at once, on each of the servers, or on the wanted ones. */
export function describeOnServers(
  name: string,
  body: (kind: ServerKind) => void,
  wanted: readonly ServerKind[] = serverKinds,
): void {
  describeAmong(
    wanted,
    kind => kinds.includes(kind),
    kind => `${name} on ${kind}`,
    body,
  );
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

/** Opens a migrated, empty database for this caller alone. */
export async function freshDatabase(
  kind: DatabaseKind,
): Promise<{ database: Database; url: string; drop: () => Promise<void> }> {
  const { url, drop } = freshUrl(kind);
  const database = await openDatabase(url, strategy);
  await migrate(database);
  if (strategy === 'triggers') await installTriggers(database.em);
  return {
    database,
    url,
    async drop() {
      await database.close(true);
      await drop();
    },
  };
}
