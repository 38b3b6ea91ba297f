import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { raw, type EntityData } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { dialectOf, type Database } from '../database/database.js';
import { withoutEnrollments } from '../database/connections/purposes.js';
import { RecountRun, RunStatus } from '../entities/index.js';
import { inTransaction } from '../transactions/transactions.js';
import { passes } from './trouble.js';

/** Is how long a run may go without a sign of life before others take it for interrupted, in seconds. */
export const LEASE = 30;

/** Is a run that this process has the right to work on, until somebody pauses, cancels or takes it over. */
export interface ClaimedRun {
  readonly id: number;
  readonly owner: string;
}

/**
 * Reports that the run is no longer this owner's: it was paused, cancelled or taken over. Nothing of the transaction
 * stays.
 */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

/** Gives a name for the owner of a run: host, process, and something that no other start or resumption has. */
export function newOwner(): string {
  return `${hostname().slice(0, 200)} process ${process.pid} ${randomUUID().slice(0, 8)}`;
}

/** Gives the moments of a run that somebody has a sign of life of now. */
export function signOfLife(em: SqlEntityManager, seconds: number): { updatedAt: Date; leaseExpiresAt: Date } {
  return { updatedAt: moment(em), leaseExpiresAt: moment(em, seconds) };
}

/**
 * Returns a moment by the database's clock, to be written: now, or `seconds` later. Leases are compared by that clock
 * alone: the processes that share a database need not agree on the time.
 */
export function moment(em: SqlEntityManager, seconds = 0): Date {
  return raw(dialectOf(em).sql.now(seconds)) as unknown as Date;
}

/** Keeps the right to work on a run, and writes how far the work is: only while that right lasts. */
export class Lease {
  readonly #lost = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #renewing: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    readonly claimed: ClaimedRun,
    private readonly seconds: number,
  ) {}

  /** Is aborted, with the reason, once the renewals have found the lease lost. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /**
   * Writes to the run in the open transaction, which is a sign of life too; throws LeaseLost where it is not ours any
   * more.
   */
  async save(em: SqlEntityManager, patch: EntityData<RecountRun>): Promise<void> {
    const { id, owner } = this.claimed;
    const written = await em.nativeUpdate(
      RecountRun,
      { id, owner, status: RunStatus.RUNNING },
      { ...patch, ...signOfLife(em, this.seconds) },
    );
    if (written === 0) throw new LeaseLost(`Run ${id} was paused, cancelled or taken over.`);
  }

  /** Renews the lease three times in its length, whatever the work waits for, until `stop`. */
  keep(): void {
    this.#timer = setTimeout(
      () => {
        this.#renewing = this.#renew().then(() => {
          if (this.#timer) this.keep();
        });
      },
      (this.seconds * 1000) / 3,
    ).unref();
  }

  /** Ends the renewals. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#renewing;
  }

  async #renew(): Promise<void> {
    try {
      await withoutEnrollments(() => inTransaction(this.database, em => this.save(em, {}), 'repeat'));
    } catch (error) {
      // What will pass is tried again at the next renewal: the lease is longer than that.
      if (!passes(error)) this.#lost.abort(error);
    }
  }
}
