import type { FastifyBaseLogger } from 'fastify';
import type { Config } from '../../config/config.js';
import type { Database } from '../../database/database.js';
import { BackgroundRuns } from '../../recounts/index.js';
import { loggedError, type DatabaseFaults } from '../observability/database-faults.js';
import { Schedule } from './schedule.js';

/**
 * Does what a server does besides answering: it works on the runs that were started, and starts those of a schedule.
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

  /** Starts the schedule, where there is one. */
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
   * finish; gives what that gives.
   */
  async stopAround<Result>(drain: () => Promise<Result>): Promise<Result> {
    const { config, logger } = this.options;
    const start = performance.now();
    this.#schedule?.stop();
    const [result] = await Promise.all([drain(), this.runs.stop(config.shutdownTimeout)]);
    // Again, for what a request in flight has started meanwhile.
    const paused = await this.runs.stop(Math.max(0, config.shutdownTimeout - (performance.now() - start) / 1000));
    if (paused.length > 0)
      logger.warn(
        { runs: paused },
        'runs were paused, since the server stops: resumeRecount, in any server, goes on with them',
      );
    return result;
  }
}
