import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import type { EntityData } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { paceFor, type ChunkPace } from '../counters/index.js';
import type { Database } from '../database/database.js';
import { RecountChange, RunKind, RunStatus, type RecountRun } from '../entities/index.js';
import { inTransaction } from '../transactions/transactions.js';
import { AdaptiveThrottle } from './adaptive-throttle.js';
import { LEASE, Lease, LeaseLost, moment, type ClaimedRun } from './lease.js';
import { recountSteps } from './recount-steps.js';
import { runOf, type Run, type RunRow } from './run.js';
import { lockRun, runRow } from './run-rows.js';
import type { CourseChange, Step, StepResult } from './step.js';
import { passes, toldOf } from './trouble.js';
import { undoSteps } from './undo-steps.js';

/** Says how far a run is; the numbers are those of Run. */
export interface RunProgress {
  readonly id: number;
  readonly total: number;
  readonly checked: number;
  readonly drifted: number;
  readonly repaired: number;
}

/** Says how to work on a run. */
export interface WorkOptions {
  /** Pauses the run after the chunk or repair at hand. */
  readonly signal?: AbortSignal;
  /** Is called once for each change, when it is committed; the title is null where the course is gone. */
  readonly onChange?: (change: CourseChange & { readonly title: string | null }) => void;
  /** Is called after each chunk and each repair. */
  readonly onProgress?: (progress: RunProgress) => void;
  /** Is how long the run may go without a sign of life before others take it for interrupted, in seconds. */
  readonly lease?: number;
}

/**
 * Limits how often in a row the work is begun anew from the last saved cursor, and the pause before, in milliseconds.
 */
const MOST_TROUBLES = 5;
const FIRST_PAUSE = 500;

/** Limits the text that a run keeps of an error. */
const ERROR_LENGTH = 1000;

/**
 * Works on a claimed run until its end, or until it is paused, cancelled or taken over, and gives the run as it is
 * then.
 *
 * Whatever ends the process, the run can be resumed: each repair, its record and the cursor are one transaction. Where
 * other transactions are in the way, or the database is away for a moment, the work waits and goes on. Errors: those
 * that do not pass; the run is then FAILED, and can be resumed.
 */
export async function workOn(database: Database, claimed: ClaimedRun, options: WorkOptions = {}): Promise<Run> {
  const lease = new Lease(database, claimed, options.lease ?? LEASE);
  lease.keep();
  try {
    await new Work(database, lease, options).toTheEnd();
  } catch (error) {
    if (!(error instanceof LeaseLost)) throw await recordFailure(database, lease, error);
  } finally {
    await lease.stop();
  }
  return runOf((await runRow(database, claimed.id))!);
}

/** Records the error that ended a run and gives what to throw. */
async function recordFailure(database: Database, lease: Lease, error: unknown): Promise<unknown> {
  const message = toldOf(error).slice(0, ERROR_LENGTH);
  try {
    await inTransaction(
      database,
      em => lease.save(em, { status: RunStatus.FAILED, error: message, finishedAt: moment(em) }),
      'repeat',
    );
    return error;
  } catch (second) {
    // A run that cannot even be marked is seen as interrupted when its lease runs out.
    return second instanceof LeaseLost || passes(second) ? error : new AggregateError([error, second], message);
  }
}

class Work {
  readonly #pace: ChunkPace;
  readonly #reads = new AdaptiveThrottle();
  readonly #repairs = new AdaptiveThrottle();
  /** Is aborted when the work is not to go on, for either reason. */
  readonly #over: AbortSignal;

  constructor(
    private readonly database: Database,
    private readonly lease: Lease,
    private readonly options: WorkOptions,
  ) {
    this.#pace = paceFor(database.em as SqlEntityManager);
    this.#over = AbortSignal.any([lease.lost, ...(options.signal ? [options.signal] : [])]);
  }

  async toTheEnd(): Promise<void> {
    for (let troubles = 0; ;) {
      try {
        // What is saved is the truth: after a commit that was not answered, too.
        let run = await this.#current();
        for await (const step of run.kind === RunKind.UNDO
          ? undoSteps(this.database, run)
          : recountSteps(this.database, run, this.#pace)) {
          if (this.options.signal?.aborted) return await this.#end({ status: RunStatus.PAUSED });
          run = await this.#take(step, run);
          troubles = 0;
        }
        return await this.#end({ status: run.error === null ? RunStatus.SUCCEEDED : RunStatus.FAILED }, true);
      } catch (error) {
        if (!passes(error) || ++troubles > MOST_TROUBLES) throw error;
        this.#pace.slowDown();
        await this.#rest(FIRST_PAUSE * 2 ** troubles);
      }
    }
  }

  async #current(): Promise<RunRow> {
    this.lease.lost.throwIfAborted();
    const row = await runRow(this.database, this.lease.claimed.id);
    if (row?.owner !== this.lease.claimed.owner || row.status !== RunStatus.RUNNING)
      throw new LeaseLost(`Run ${this.lease.claimed.id} is not this process's to work on.`);
    return row;
  }

  /** Does one step in one transaction with its record and the new cursor, tells of it, and rests. */
  async #take(step: Step, run: RunRow): Promise<RunRow> {
    const start = performance.now();
    const { changes, drifted, repaired, error } = await inTransaction(
      this.database,
      em => this.#do(em, step, run),
      em => this.#isDone(em, step),
    );
    const took = performance.now() - start;
    const { title } = step;
    for (const change of changes) this.options.onChange?.({ ...change, title });
    const after = {
      ...run,
      cursorId: step.cursorId,
      checked: run.checked + step.checked,
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
      (step.read ? this.#reads.pauseAfter(step.read.milliseconds, step.read.rows) : 0) + this.#repairs.pauseAfter(took);
    if (pause > 0) this.#pace.slowDown();
    await this.#rest(run.throttle + pause);
    return after;
  }

  async #do(em: SqlEntityManager, step: Step, run: RunRow): Promise<StepResult> {
    const result = (await step.work?.(em)) ?? { changes: [], drifted: 0, repaired: 0 };
    // Before the changes, which point at the run: their foreign key would share its lock, and a renewal could wait in
    // between.
    await this.lease.save(em, {
      cursorId: step.cursorId,
      checked: run.checked + step.checked,
      drifted: run.drifted + result.drifted,
      repaired: run.repaired + result.repaired,
      ...(run.error === null && result.error !== undefined && { error: result.error.slice(0, ERROR_LENGTH) }),
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

  /** Tells after a lost commit whether it took place: only this work moves the cursor. */
  async #isDone(em: SqlEntityManager, { cursorId }: Step): Promise<boolean> {
    return ((await lockRun(this.database, em, this.lease.claimed.id))?.cursorId ?? 0) >= cursorId;
  }

  async #end(patch: EntityData<RecountRun>, finished = false): Promise<void> {
    await inTransaction(
      this.database,
      em => this.lease.save(em, { ...patch, ...(finished && { finishedAt: moment(em) }) }),
      async em => (await lockRun(this.database, em, this.lease.claimed.id))?.status === patch.status,
    );
  }

  /**
   * Waits so many milliseconds, but no longer than the work is to go on; and lets others have their turn in any case,
   * which SQLite's driver does not.
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
