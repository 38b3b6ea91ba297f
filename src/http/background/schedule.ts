import { Cron } from 'croner';
import type { FastifyBaseLogger } from 'fastify';
import { CRON_OPTIONS } from '../../config/config-values.js';
import type { Database } from '../../database/database.js';
import { RunStatus } from '../../entities/index.js';
import { loggedError } from '../observability/database-faults.js';
import { runForMoment, type BackgroundRuns, type Run, type ScheduledAction } from '../../recounts/index.js';

/** Says when to do what, with which database and runs, and where to tell of it. */
export interface ScheduleOptions {
  /** Is a cron expression, in UTC. */
  readonly pattern: string;
  readonly action: ScheduledAction;
  readonly database: Database;
  readonly runs: BackgroundRuns;
  readonly logger: FastifyBaseLogger;
}

/**
 * Verifies or recounts at the moments of a schedule, from now on, until `stop`; moments that are past are not made up
 * for.
 */
export class Schedule {
  readonly #cron: Cron;
  readonly #logger: FastifyBaseLogger;

  constructor(private readonly options: ScheduleOptions) {
    const { pattern, action } = options;
    this.#logger = options.logger.child({ schedule: pattern, action });
    const protect = (): void => this.#passedOver(this.#moment(), 'The last one is still at work in this process.');
    this.#cron = new Cron(pattern, { ...CRON_OPTIONS, protect }, () => this.#work(this.#moment()));
    this.#logger.info({ next: this.#cron.nextRun() }, 'a schedule is set');
  }

  /** Lets no further moment begin; what is at work is the runs' to stop. */
  stop(): void {
    this.#cron.stop();
  }

  /** Gives the moment whose timer has just come, maybe a little late: every process must call it the same. */
  #moment(): Date {
    // What is looked for is before the given time, and that may be this very millisecond.
    return this.#cron.previousRuns(1, new Date(Date.now() + 1))[0]!;
  }

  async #work(moment: Date): Promise<void> {
    const { runs, database, action } = this.options;
    try {
      const { value: run, problems } = await runForMoment(runs, database, action, moment);
      if (run) this.#tell(moment, run);
      else this.#passedOver(moment, problems[0]!.message);
    } catch (error) {
      this.#logger.error({ moment, ...loggedError(error) }, 'the scheduled run could not be started or read');
    }
  }

  #passedOver(moment: Date, reason: string): void {
    this.#logger.info({ moment, reason }, 'a scheduled run was passed over');
  }

  #tell(moment: Date, { id, status, checked, drifted, repaired, error }: Run): void {
    const facts = { moment, run: id, status: status.toUpperCase(), courses: checked, drifted, repaired };
    if (status !== RunStatus.SUCCEEDED)
      this.#logger.warn({ ...facts, error }, 'a scheduled run did not come to its end');
    else if (drifted > 0) this.#logger.warn(facts, 'a scheduled run found counts that drifted');
    else this.#logger.info(facts, 'a scheduled run found every count right');
  }
}
