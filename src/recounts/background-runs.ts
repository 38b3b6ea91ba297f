import pTimeout from 'p-timeout';
import type { Database } from '../database/database.js';
import { unlessStopped, withoutLimit } from '../database/time-limits/time-limit.js';
import { RecountRun, RunStatus } from '../entities/index.js';
import { done, rejected, type Outcome } from '../use-cases/outcome.js';
import { inTransaction } from '../transactions/transactions.js';
import { ViewerQueues } from '../access/viewer-queues.js';
import { databaseTime, type ClaimedRun } from './lease.js';
import { runOf, type Run } from './run.js';
import { runRow } from './run-rows.js';
import { workOn } from './work.js';

/**
 * Returns a claimed run to work on, or why there is none; startRecount(), resumeRun() and startUndo() are such
 * functions.
 */
export type Claim = () => Promise<Outcome<ClaimedRun>>;

/** The longest time that the caller who starts a run waits for its end, in milliseconds. */
const MAX_ANSWER_WAIT_MS = 2000;

/** The runs of one process: each continues after the caller who started it has been answered. */
export class BackgroundRuns {
  readonly #stopping = new AbortController();
  readonly #atWork = new Set<ClaimedRun>();
  /** The work in progress, from the claim of a run to the last read of it. */
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #paused = new Set<number>();
  /** The turns of verifications, which are not runs but take as long. */
  readonly verifications = new ViewerQueues();

  /** Takes the database of the runs, and what to do with an error that ended one; that run is then FAILED. */
  constructor(
    private readonly database: Database,
    private readonly onFailure: (id: number, error: unknown) => void,
  ) {}

  /**
   * Claims a run, works on it, and returns it in its state when it finishes or after two seconds, whichever comes
   * first.
   */
  start(claim: Claim): Promise<Outcome<Run>> {
    return this.#followed(this.#begin(claim, working => hasEnded(working, MAX_ANSWER_WAIT_MS)));
  }

  /** Claims a run, works on it, and returns it when it finishes. */
  complete(claim: Claim): Promise<Outcome<Run>> {
    return this.#followed(this.#begin(claim, working => working));
  }

  /**
   * Pauses each run after its current chunk or repair, or within it if that takes more than half of so many seconds.
   * Returns the ids of all runs that it has paused so far; a run that is started from now on is paused at once.
   */
  async stop(seconds: number): Promise<number[]> {
    this.#stopping.abort();
    const half = (seconds * 1000) / 2;
    // In the other half the rest are paused from outside, so that another process need not wait until their leases expire.
    if (!(await hasEnded(this.#idle(), half)))
      await hasEnded(Promise.allSettled([...this.#atWork].map(claimed => this.#pauseFromOutside(claimed))), half);
    return [...this.#paused];
  }

  async #begin(claim: Claim, wait: (working: Promise<void>) => Promise<unknown>): Promise<Outcome<Run>> {
    const claiming = claim();
    // The caller who started a run has a time limit; the run has none.
    const working = this.#followed(
      claiming.then(({ value }) => (value ? withoutLimit(() => this.#workOn(value)) : undefined)),
    );
    const { value: claimed, problems } = await claiming;
    if (!claimed) return rejected(...problems);
    await unlessStopped(wait(working));
    return done(runOf((await runRow(this.database, claimed.id))!), problems);
  }

  #followed<Result>(working: Promise<Result>): Promise<Result> {
    this.#underWay.add(working);
    // A claim that fails is the error of the caller who made it.
    void working.catch(() => undefined).finally(() => this.#underWay.delete(working));
    return working;
  }

  async #workOn(claimed: ClaimedRun): Promise<void> {
    this.#atWork.add(claimed);
    const { signal } = this.#stopping;
    try {
      const run = await workOn(this.database, claimed, { signal });
      if (signal.aborted && run.status === RunStatus.PAUSED && run.owner === claimed.owner)
        this.#paused.add(claimed.id);
    } catch (error) {
      this.onFailure(claimed.id, error);
    } finally {
      this.#atWork.delete(claimed);
    }
  }

  async #idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  /** Pauses a run in the middle of its work, which then finds that it has lost the lease and changes nothing more. */
  async #pauseFromOutside({ id, owner }: ClaimedRun): Promise<void> {
    const own = { id, owner, status: RunStatus.RUNNING };
    const taken = await inTransaction(
      this.database,
      em => em.nativeUpdate(RecountRun, own, { status: RunStatus.PAUSED, updatedAt: databaseTime(em) }),
      'repeat',
    );
    if (taken > 0) this.#paused.add(id);
  }
}

/** Waits until work has ended, but at most so many milliseconds; returns true if it has ended. */
function hasEnded(work: Promise<unknown>, milliseconds: number): Promise<boolean> {
  return pTimeout(
    work.then(() => true),
    { milliseconds: Math.max(1, milliseconds), fallback: () => false },
  );
}
