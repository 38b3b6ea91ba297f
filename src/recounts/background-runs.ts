import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '../database/database.js';
import { unlessStopped, withoutLimit } from '../database/time-limits/time-limit.js';
import { RecountRun, RunStatus } from '../entities/index.js';
import { done, refused, type Outcome } from '../use-cases/outcome.js';
import { inTransaction } from '../transactions/transactions.js';
import { TurnsOfViewers } from '../access/turns-of-viewers.js';
import { moment, type ClaimedRun } from './lease.js';
import { runOf, type Run } from './run.js';
import { runRow } from './run-rows.js';
import { workOn } from './work.js';

/** Gives a run to work on, or why there is none: startRecount(), resumeRun() and startUndo() do. */
export type Claim = () => Promise<Outcome<ClaimedRun>>;

/** Limits how long whoever starts a run waits for its end, in milliseconds. */
const PATIENCE = 2000;

/** Works on the runs of one process: each goes on after whoever started it has been answered. */
export class BackgroundRuns {
  readonly #stopping = new AbortController();
  readonly #atWork = new Set<ClaimedRun>();
  /** Holds what is under way, from the claim to the last look at the run. */
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #paused = new Set<number>();
  /** The turns of verifications, which are no runs, but as long. */
  readonly verifications = new TurnsOfViewers();

  /** Takes where the runs are, and what to do with an error that ended one; the run is FAILED then. */
  constructor(
    private readonly database: Database,
    private readonly onFailure: (id: number, error: unknown) => void,
  ) {}

  /** Claims a run, works on it, and gives it as it is at its end or, where that takes longer, after two seconds. */
  start(claim: Claim): Promise<Outcome<Run>> {
    return this.#followed(this.#begin(claim, working => ended(working, PATIENCE)));
  }

  /** Claims a run, works on it, and gives it as it is at its end. */
  complete(claim: Claim): Promise<Outcome<Run>> {
    return this.#followed(this.#begin(claim, working => working));
  }

  /**
   * Pauses each run after the chunk or repair at hand, and those whose chunk takes more than half of so many seconds in
   * the middle of it; gives the ids of all that it has paused so far. What is started from now on is paused at once.
   */
  async stop(seconds: number): Promise<number[]> {
    this.#stopping.abort();
    const half = (seconds * 1000) / 2;
    // The other half is for taking the rest away: then another process need not wait until their leases run out.
    if (!(await ended(this.#idle(), half)))
      await ended(Promise.allSettled([...this.#atWork].map(claimed => this.#takeAway(claimed))), half);
    return [...this.#paused];
  }

  async #begin(claim: Claim, wait: (working: Promise<void>) => Promise<unknown>): Promise<Outcome<Run>> {
    const claiming = claim();
    // Whoever started a run has a time limit, and the run has none.
    const working = this.#followed(
      claiming.then(({ value }) => (value ? withoutLimit(() => this.#workOn(value)) : undefined)),
    );
    const { value: claimed, problems } = await claiming;
    if (!claimed) return refused(...problems);
    await unlessStopped(wait(working));
    return done(runOf((await runRow(this.database, claimed.id))!), problems);
  }

  #followed<Result>(working: Promise<Result>): Promise<Result> {
    this.#underWay.add(working);
    // A claim that fails is the error of whoever asked for it.
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
    while (this.#underWay.size > 0) await Promise.allSettled([...this.#underWay]);
  }

  /**
   * Pauses a run whatever its work is at, which then finds that the run is not its own any more and changes nothing.
   */
  async #takeAway({ id, owner }: ClaimedRun): Promise<void> {
    const own = { id, owner, status: RunStatus.RUNNING };
    const taken = await inTransaction(
      this.database,
      em => em.nativeUpdate(RecountRun, own, { status: RunStatus.PAUSED, updatedAt: moment(em) }),
      'repeat',
    );
    if (taken > 0) this.#paused.add(id);
  }
}

/** Waits until work has ended, but no longer than so many milliseconds; tells whether it has. */
async function ended(work: Promise<unknown>, milliseconds: number): Promise<boolean> {
  const over = new AbortController();
  try {
    return await Promise.race([work.then(() => true), delay(milliseconds, false, { signal: over.signal })]);
  } finally {
    over.abort();
  }
}
