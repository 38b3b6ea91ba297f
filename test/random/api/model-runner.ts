import type fc from 'fast-check';
import type { DatabaseKind } from '../../../src/database/dialects/dialect.js';
import { startApi } from '../../support/api.js';
import type { ModelRunner } from '../model-check.js';
import { ModelRun } from './model-run.js';
import { apiCommands, runCommands } from './commands.js';
import { seedTables, readTables } from './tables.js';

type Commands = Iterable<fc.AsyncCommand<ModelRun, ModelRun, true>>;

/** Starts a server to which commands send requests, each list of them on tables with a few rows. */
export async function openModelRunner(
  kind: DatabaseKind,
): Promise<ModelRunner<Commands> & { drop: () => Promise<void> }> {
  const api = await startApi(kind);
  // A power cut is not tested here, and each commit need not wait for the disk.
  if (kind === 'sqlite') await api.database.em.getConnection().execute('pragma synchronous = off', [], 'run');
  let last: ModelRun | null = null;
  return {
    commands: apiCommands(40),
    async run(commands, tally) {
      await seedTables(api.database);
      const { school } = await readTables(api.database);
      last = new ModelRun(api, school, tally);
      return runCommands(last, commands);
    },
    lastLog: () => last?.log.lines ?? [],
    drop: () => api.stop(),
  };
}
