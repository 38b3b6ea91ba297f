import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import type { EntityData } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { paceFor, RepairPace } from 'mikro-orm-counters';
import type { Database } from '../database/database.js';
import { RecountChange, RunKind, RunStatus, type RecountRun } from '../entities/index.js';
import { inTransaction } from '../transactions/transactions.js';
import { AdaptiveThrottle } from './adaptive-throttle.js';
import { LEASE_SECONDS, Lease, LeaseLost, databaseTime, type ClaimedRun } from './lease.js';
import { recountSteps, type RecountPaces } from './recount-steps.js';
import { runOf, type Run, type RunRow } from './run.js';
import { lockRun, runRow } from './run-rows.js';
import type { CourseChange, Step, StepResult } from './step.js';
import { isTransient, recordedMessage } from './run-errors.js';
import { undoSteps } from './undo-steps.js';

/** The progress of a run; the numbers are those of Run. */
export interface RunProgress {
  readonly id: number;
  readonly total: number;
  readonly checked: number;
  readonly drifted: number;
  readonly repaired: number;
}

/** How to work on a run. */
export interface WorkOptions {
  /** Pauses the run after the current chunk or repair. */
  readonly signal?: AbortSignal;
  /** Called once for each change when it is committed; the title is null if the course is gone. */
  readonly onChange?: (change: CourseChange & { readonly title: string | null }) => void;
  /** Called after each chunk and each repair. */
  readonly onProgress?: (progress: RunProgress) => void;
  /** The time without a heartbeat after which the run counts as interrupted, in seconds. */
  readonly lease?: number;
}

/**
 * How often in a row the work may restart from the last saved cursor, and the first pause before that, in milliseconds.
 */
const MAX_RESTARTS = 5;
const FIRST_PAUSE_MS = 500;

/** The most characters that a run records of an error. */
const MAX_ERROR_CHARACTERS = 1000;

/**
 * Works on a claimed run until it finishes, or is paused, cancelled or taken over, and returns it as it is then.
 *
 * The run can be resumed whatever ends the process: repairs, their records and the cursor are one transaction. On
 * transient errors the work pauses and continues. Errors: those that are not transient; the run is then FAILED, and can
 * be resumed.
 */
export async function workOn(database: Database, claimed: ClaimedRun, options: WorkOptions = {}): Promise<Run> {
  const lease = new Lease(database, claimed, options.lease ?? LEASE_SECONDS);
  lease.keep();
  try {
    await new Work(database, lease, options).finish();
  } catch (error) {
    if (!(error instanceof LeaseLost)) throw await recordFailure(database, lease, error);
  } finally {
    await lease.stop();
  }
  return runOf((await runRow(database, claimed.id))!);
}

/** Records the error that ended a run, and returns what to throw. */
async function recordFailure(database: Database, lease: Lease, error: unknown): Promise<unknown> {
  const message = recordedMessage(error).slice(0, MAX_ERROR_CHARACTERS);
  try {
    await inTransaction(
      database,
      em => lease.save(em, { status: RunStatus.FAILED, error: message, finishedAt: databaseTime(em) }),
      'repeat',
    );
    return error;
  } catch (second) {
    // A run that cannot be marked counts as interrupted when its lease expires.
    return second instanceof LeaseLost || isTransient(second) ? error : new AggregateError([error, second], message);
  }
}

class Work {
  readonly #paces: RecountPaces;
  readonly #reads = new AdaptiveThrottle();
  readonly #repairs = new AdaptiveThrottle();
  /** Aborted when the work must stop, for either reason. */
  readonly #over: AbortSignal;

  constructor(
    private readonly database: Database,
    private readonly lease: Lease,
    private readonly options: WorkOptions,
  ) {
    this.#paces = { chunks: paceFor(database.em), repairs: new RepairPace() };
    this.#over = AbortSignal.any([lease.lost, ...(options.signal ? [options.signal] : [])]);
  }

  async finish(): Promise<void> {
    for (let restarts = 0; ;) {
      try {
        // The saved state counts, also after a commit that was not answered.
        let run = await this.#current();
        for await (const step of run.kind === RunKind.UNDO
          ? undoSteps(this.database, run)
          : recountSteps(this.database, run, this.#paces)) {
          if (this.options.signal?.aborted) return await this.#end({ status: RunStatus.PAUSED });
          run = await this.#applyStep(step, run);
          restarts = 0;
        }
        return await this.#end({ status: run.error === null ? RunStatus.SUCCEEDED : RunStatus.FAILED }, true);
      } catch (error) {
        if (!isTransient(error) || ++restarts > MAX_RESTARTS) throw error;
        this.#paces.chunks.slowDown();
        await this.#rest(FIRST_PAUSE_MS * 2 ** restarts);
      }
    }
  }

  async #current(): Promise<RunRow> {
    this.lease.lost.throwIfAborted();
    const row = await runRow(this.database, this.lease.claimed.id);
    if (row?.owner !== this.lease.claimed.owner || row.status !== RunStatus.RUNNING)
      throw new LeaseLost(`This process has not claimed run ${this.lease.claimed.id}.`);
    return row;
  }

  /** Does one step in one transaction with its record and the new cursor, reports it, and pauses. */
  async #applyStep(step: Step, run: RunRow): Promise<RunRow> {
    const start = performance.now();
    let tries = 0;
    const { changes, drifted, repaired, checked, cursorId, error } = await inTransaction(
      this.database,
      em => this.#perform(em, step, run, ++tries),
      (em, result) => this.#isDone(em, result),
    );
    const took = performance.now() - start;
    step.took?.(took, tries);
    for (const change of changes)
      this.options.onChange?.({ ...change, title: step.titles.get(change.courseId) ?? null });
    const after = {
      ...run,
      cursorId,
      checked: run.checked + checked,
      drifted: run.drifted + drifted,
      repaired: run.repaired + repaired,
      error: run.error ?? error ?? null,
    };
    this.options.onProgress?.({
      id: after.id,
      total: after.total,
      checked: after.checked,
      drifted: after.drifted,
      repaired: after.repaired,
    });
    const pause =
      (step.read ? this.#reads.pauseAfter(step.read.milliseconds, step.read.rows) : 0) +
      this.#repairs.pauseAfter(took, repaired);
    if (pause > 0) this.#paces.chunks.slowDown();
    await this.#rest(run.throttle + pause);
    return after;
  }

  async #perform(em: SqlEntityManager, step: Step, run: RunRow, attempt: number): Promise<StepResult> {
    const result = await step.work(em, attempt);
    // Before the changes: their foreign key takes a shared lock on the run, behind which a renewal could wait.
    await this.lease.save(em, {
      cursorId: result.cursorId,
      checked: run.checked + result.checked,
      drifted: run.drifted + result.drifted,
      repaired: run.repaired + result.repaired,
      ...(run.error === null && result.error !== undefined && { error: result.error.slice(0, MAX_ERROR_CHARACTERS) }),
    });
    const rows = result.changes.map(({ counter, courseId, before, after }) => ({
      run: run.id,
      counter,
      courseId,
      countBefore: before,
      countAfter: after,
    }));
    if (rows.length > 0) await em.insertMany(RecountChange, rows);
    return result;
  }

  /** Returns true if a commit whose outcome was unknown succeeded: only this work moves the cursor. */
  async #isDone(em: SqlEntityManager, { cursorId }: StepResult): Promise<boolean> {
    return (await lockRun(this.database, em, this.lease.claimed.id))?.cursorId === cursorId;
  }

  async #end(patch: EntityData<RecountRun>, finished = false): Promise<void> {
    await inTransaction(
      this.database,
      em => this.lease.save(em, { ...patch, ...(finished && { finishedAt: databaseTime(em) }) }),
      async em => (await lockRun(this.database, em, this.lease.claimed.id))?.status === patch.status,
    );
  }

  /**
   * Waits so many milliseconds, or until the work must stop. It always yields to the event loop, which SQLite's driver
   * does not.
   */
  async #rest(milliseconds: number): Promise<void> {
    try {
      if (milliseconds === 0) await turn();
      else await delay(milliseconds, undefined, { signal: this.#over });
    } catch (error) {
      if (!this.#over.aborted) throw error;
    }
    this.lease.lost.throwIfAborted();
  }
}
