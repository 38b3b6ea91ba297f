import type { FastifyBaseLogger } from 'fastify';
import type { Config } from '../../config/config.js';
import type { Database } from '../../database/database.js';
import { BackgroundRuns } from '../../recounts/index.js';
import { loggedError, type DatabaseFaults } from '../observability/database-faults.js';
import { Schedule } from './schedule.js';

/**
 * The work of a server beside requests: it works on the recount runs that were started, and starts those of a schedule.
 */
export class Background {
  readonly runs: BackgroundRuns;
  #schedule: Schedule | undefined;

  constructor(
    private readonly options: {
      readonly config: Config;
      readonly database: Database;
      readonly faults: DatabaseFaults;
      readonly logger: FastifyBaseLogger;
    },
  ) {
    const { database, faults, logger } = options;
    this.runs = new BackgroundRuns(database, (run, error) => {
      if (faults.note(error, {}, null)) logger.warn({ run, ...loggedError(error) }, 'a run failed');
      else logger.error({ run, err: error }, 'a run failed');
    });
  }

  /** Starts the schedule, if one is configured. */
  start(): void {
    const { config, database, logger } = this.options;
    if (config.verifySchedule === null) return;
    this.#schedule = new Schedule({
      pattern: config.verifySchedule,
      action: config.verifyAction,
      database,
      runs: this.runs,
      logger,
    });
  }

  /**
   * Stops the schedule and pauses the runs, within the configured time, while `drain` lets the requests in flight
   * finish; returns the result of `drain`.
   */
  async stopAround<Result>(drain: () => Promise<Result>): Promise<Result> {
    const { config, logger } = this.options;
    const start = performance.now();
    this.#schedule?.stop();
    const [result] = await Promise.all([drain(), this.runs.stop(config.shutdownTimeout)]);
    // Again, because a request in flight may have started a run meanwhile.
    const paused = await this.runs.stop(Math.max(0, config.shutdownTimeout - (performance.now() - start) / 1000));
    if (paused.length > 0)
      logger.warn(
        { runs: paused },
        'runs were paused because the server is stopping; resumeRecount on any server continues them',
      );
    return result;
  }
}
