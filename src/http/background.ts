import type { FastifyBaseLogger } from 'fastify';
import type { Config } from '../config.js';
import type { Database } from '../database/database.js';
import { BackgroundRuns } from '../services/runs/index.js';

/** Does what a server does besides answering: it works on the runs that were started. */
export class Background {
  readonly runs: BackgroundRuns;

  constructor(private readonly options: { readonly config: Config; readonly database: Database; readonly logger: FastifyBaseLogger }) {
    const { database, logger } = options;
    this.runs = new BackgroundRuns(database, (run, error) => logger.error({ run, err: error }, 'a run failed'));
  }

  /** Pauses the runs, within the configured time, while `drain` lets the requests in flight finish; gives what that gives. */
  async stopAround<Result>(drain: () => Promise<Result>): Promise<Result> {
    const { config, logger } = this.options;
    const start = performance.now();
    const [result] = await Promise.all([drain(), this.runs.stop(config.shutdownTimeout)]);
    // Again, for what a request in flight has started meanwhile.
    const paused = await this.runs.stop(Math.max(0, config.shutdownTimeout - (performance.now() - start) / 1000));
    if (paused.length > 0) logger.warn({ runs: paused }, 'runs were paused, since the server stops: resumeRecount, in any server, goes on with them');
    return result;
  }
}
