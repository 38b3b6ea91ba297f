import type { Config } from '../../config/config.js';
import type { DatabaseMap } from '../../map/map-form.js';
import { startRecount } from '../../recounts/index.js';
import { operator } from '../../access/viewer.js';
import { withAdoptedDatabase } from '../database/adopted.js';
import { ensureStrategy } from '../database/ensure-strategy.js';
import type { ExitCode } from '../output/exit-code.js';
import { startedBy, workOnRun } from './work-on-run.js';

/**
 * Fills the counts of an adopted database by a run, as the command `recount` does. Errors: CommandError.
 */
export function fillCounts(
  config: Pick<Config, 'databaseUrl' | 'counters'>,
  map: DatabaseMap,
  command: string,
): Promise<ExitCode> {
  return withAdoptedDatabase(config, map, async database => {
    await ensureStrategy(database, config.counters);
    return workOnRun(database, await startRecount(database, operator, { startedBy: startedBy(command) }), false);
  });
}
