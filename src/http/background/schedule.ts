import { Cron } from 'croner';
import type { FastifyBaseLogger } from 'fastify';
import { CRON_OPTIONS } from '../../config/config-values.js';
import type { Database } from '../../database/database.js';
import { RunStatus } from '../../entities/index.js';
import { loggedError } from '../observability/database-faults.js';
import { runForMoment, type BackgroundRuns, type Run, type ScheduledAction } from '../../recounts/index.js';

/** When a schedule runs, what it does, and with what. */
export interface ScheduleOptions {
  /** A cron expression, in UTC. */
  readonly pattern: string;
  readonly action: ScheduledAction;
  readonly database: Database;
  readonly runs: BackgroundRuns;
  readonly logger: FastifyBaseLogger;
}

/**
 * Verifies or recounts at the moments of a schedule, from now until `stop` is called. Moments that have passed are not
 * made up for.
 */
export class Schedule {
  readonly #cron: Cron;
  readonly #logger: FastifyBaseLogger;

  constructor(private readonly options: ScheduleOptions) {
    const { pattern, action } = options;
    this.#logger = options.logger.child({ schedule: pattern, action });
    const protect = (): void => this.#skipped(this.#moment(), 'The previous one is still at work in this process.');
    this.#cron = new Cron(pattern, { ...CRON_OPTIONS, protect }, () => this.#work(this.#moment()));
    this.#logger.info({ next: this.#cron.nextRun() }, 'a schedule is set');
  }

  /** Ends the schedule; a run that is at work goes on until the runs are stopped. */
  stop(): void {
    this.#cron.stop();
  }

  /** Returns the moment whose timer has just fired, perhaps a little late; it must be the same in every process. */
  #moment(): Date {
    // previousRuns() looks strictly before the given time, and the moment may be this very millisecond.
    return this.#cron.previousRuns(1, new Date(Date.now() + 1))[0]!;
  }

  async #work(moment: Date): Promise<void> {
    const { runs, database, action } = this.options;
    try {
      const { value: run, problems } = await runForMoment(runs, database, action, moment);
      if (run) this.#logResult(moment, run);
      else this.#skipped(moment, problems[0]!.message);
    } catch (error) {
      this.#logger.error({ moment, ...loggedError(error) }, 'the scheduled run could not be started or read');
    }
  }

  #skipped(moment: Date, reason: string): void {
    this.#logger.info({ moment, reason }, 'a scheduled run was skipped');
  }

  #logResult(moment: Date, { id, status, checked, drifted, repaired, error }: Run): void {
    const facts = { moment, run: id, status: status.toUpperCase(), courses: checked, drifted, repaired };
    if (status !== RunStatus.SUCCEEDED) this.#logger.warn({ ...facts, error }, 'a scheduled run did not finish');
    else if (drifted > 0) this.#logger.warn(facts, 'a scheduled run found counts that drifted');
    else this.#logger.info(facts, 'a scheduled run found every count correct');
  }
}
