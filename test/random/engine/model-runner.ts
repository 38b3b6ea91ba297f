import fc from 'fast-check';
import { MikroORM } from '@mikro-orm/sql';
import { installTriggers } from 'mikro-orm-counters';
import type { Database } from '../../../src/database/database.js';
import type { DatabaseKind } from '../../../src/database/dialects/dialect.js';
import { ormOptions } from '../../../src/database/orm-options.js';
import { freshUrl, strategy } from '../../support/databases.js';
import type { ModelRunner } from '../model-check.js';
import { bypassing } from './bypass-actions.js';
import { FlushWatch } from './flush-watch.js';
import { writingRawSql } from './raw-sql-actions.js';
import { rulesOf } from './rules.js';
import { engineCommands } from './commands.js';
import { cleanRows } from './tables.js';
import { ModelRun } from './model-run.js';
import { migrate } from '../../support/migrated.js';

type Commands = Iterable<fc.AsyncCommand<ModelRun, ModelRun, true>>;

/** Opens a database on which commands run, each list of them on empty tables with a few courses and students. */
export async function openModelRunner(
  kind: DatabaseKind,
): Promise<ModelRunner<Commands> & { drop: () => Promise<void> }> {
  const watch = new FlushWatch();
  const { database, drop } = await watchedDatabase(kind, watch);
  const rules = rulesOf(strategy, kind);
  let last: ModelRun | null = null;
  return {
    // Triggers count them too.
    commands:
      strategy === 'triggers' ? engineCommands(60, [4, bypassing], [10, writingRawSql(kind)]) : engineCommands(60),
    async run(commands, tally) {
      watch.watcher = null;
      const run = (last = new ModelRun(database, rules, tally, watch, await cleanRows(kind, database)));
      try {
        await fc.asyncModelRun(() => ({ model: run, real: run }), commands);
        return run.operations;
      } finally {
        await run.end();
      }
    },
    lastLog: () => last?.log.lines ?? [],
    drop,
  };
}

/** Opens a migrated database with the watch around the counters. */
async function watchedDatabase(
  kind: DatabaseKind,
  watch: FlushWatch,
): Promise<{ database: Database; drop: () => Promise<void> }> {
  const { url, drop } = freshUrl(kind);
  const options = await ormOptions(url, strategy);
  const database = (await MikroORM.init({
    ...options,
    subscribers: [watch.first, ...(options.subscribers ?? []), watch.last],
  } as never)) as unknown as Database;
  await migrate(database);
  if (strategy === 'triggers') await installTriggers(database.em);
  // A power cut is not tested here, and each commit need not wait for the disk.
  if (kind === 'sqlite') await database.em.getConnection().execute('pragma synchronous = off', [], 'run');
  return {
    database,
    async drop() {
      await database.close(true);
      await drop();
    },
  };
}
