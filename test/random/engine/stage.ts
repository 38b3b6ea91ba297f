import fc from 'fast-check';
import { MikroORM } from '@mikro-orm/sql';
import { installTriggers } from 'mikro-orm-counters';
import type { Database } from '../../../src/database/database.js';
import type { DatabaseKind } from '../../../src/database/dialects/dialect.js';
import { ormOptions } from '../../../src/database/orm-options.js';
import { freshUrl, strategy } from '../../support/databases.js';
import type { Stage } from '../telling.js';
import { bypassing } from './bypass-acts.js';
import { FlushWatch } from './flush-watch.js';
import { writingRawSql } from './raw-sql-acts.js';
import { rulesOf } from './rules.js';
import { stories } from './steps.js';
import { cleanRows } from './tables.js';
import { World } from './world.js';
import { migrate } from '../../support/migrated.js';

type Steps = Iterable<fc.AsyncCommand<World, World, true>>;

/**
 * Opens a database on which one story after the other is told, each on empty tables with a few courses and students.
 */
export async function openStage(kind: DatabaseKind): Promise<Stage<Steps> & { drop(): Promise<void> }> {
  const watch = new FlushWatch();
  const { database, drop } = await watchedDatabase(kind, watch);
  const rules = rulesOf(strategy, kind);
  let world: World | null = null;
  return {
    // Triggers count them too.
    stories: strategy === 'triggers' ? stories(60, [4, bypassing], [10, writingRawSql(kind)]) : stories(60),
    async tell(steps, tally) {
      watch.watcher = null;
      const fresh = (world = new World(database, rules, tally, watch, await cleanRows(kind, database)));
      try {
        await fc.asyncModelRun(() => ({ model: fresh, real: fresh }), steps);
        return fresh.operations;
      } finally {
        await fresh.end();
      }
    },
    lastStory: () => world?.story.lines ?? [],
    drop,
  };
}

/** Opens a migrated database with the watch around the counters. */
async function watchedDatabase(
  kind: DatabaseKind,
  watch: FlushWatch,
): Promise<{ database: Database; drop(): Promise<void> }> {
  const { url, drop } = freshUrl(kind);
  const options = await ormOptions(url, strategy);
  const database = (await MikroORM.init({
    ...options,
    subscribers: [watch.first, ...(options.subscribers ?? []), watch.last],
  } as never)) as unknown as Database;
  await migrate(database);
  if (strategy === 'triggers') await installTriggers(database.em);
  // What a power cut leaves behind is not the question here, and each commit need not wait for the disk.
  if (kind === 'sqlite') await database.em.getConnection().execute('pragma synchronous = off', [], 'run');
  return {
    database,
    async drop() {
      await database.close(true);
      await drop();
    },
  };
}
