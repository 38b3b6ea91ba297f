import { describe, inject } from 'vitest';
import { installTriggers, type CounterStrategy } from 'mikro-orm-counters';
import { openDatabase, type Database } from '../../src/database/database.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import { freshUrl } from './fresh-url.js';
import { migrate } from './migrated.js';

export { freshUrl };

/** The strategy under which this run keeps the counters: the same tests run under both. */
export const strategy = (process.env['COUNTERS'] ?? 'hooks') as CounterStrategy;

/** The available databases, always including SQLite. */
export const kinds: DatabaseKind[] = [
  'sqlite',
  ...(['mysql', 'mariadb'] as const).filter(kind => inject('servers')[kind]),
];

/** Runs the same tests on every database. */
export function describeOnEach(name: string, body: (kind: DatabaseKind) => void): void {
  describe.each(kinds)(`${name} on %s`, kind => {
    body(kind);
  });
}

/** Runs behaviours of servers, where several connections write at once, on each of the servers. */
export function describeOnServers(name: string, body: (kind: DatabaseKind) => void): void {
  for (const kind of kinds.filter(one => one !== 'sqlite'))
    describe(`${name} on ${kind}`, () => {
      body(kind);
    });
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
