import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { raw, type EntityData } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { dialectOf, type Database } from '../database/database.js';
import { withoutEnrollments } from '../database/connections/purposes.js';
import { RecountRun, RunStatus } from '../entities/index.js';
import { inTransaction } from '../transactions/transactions.js';
import { isTransient } from './run-errors.js';

/** The time without a heartbeat after which a run counts as interrupted, in seconds. */
export const LEASE_SECONDS = 30;

/** A run that this process may work on, until it is paused, cancelled or taken over. */
export interface ClaimedRun {
  readonly id: number;
  readonly owner: string;
}

/**
 * The error of a run that is no longer this owner's: it was paused, cancelled or taken over. Its transaction is rolled
 * back.
 */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

/** Returns a name for the owner of a run: host, process, and a part that is unique to this start or resumption. */
export function newOwner(): string {
  return `${hostname().slice(0, 200)} process ${process.pid} ${randomUUID().slice(0, 8)}`;
}

/** Returns what a heartbeat writes to a run. */
export function heartbeat(em: SqlEntityManager, seconds: number): { updatedAt: Date; leaseExpiresAt: Date } {
  return { updatedAt: databaseTime(em), leaseExpiresAt: databaseTime(em, seconds) };
}

/**
 * Returns a moment by the database's clock, to be written: now, or `seconds` later. Leases are compared by that clock
 * alone, so the processes that share a database need not agree on the time.
 */
export function databaseTime(em: SqlEntityManager, seconds = 0): Date {
  return raw<Date>(dialectOf(em).sql.now(seconds));
}

/** The right to work on a run. It is renewed until `stop`; progress is written only while it lasts. */
export class Lease {
  readonly #lost = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #renewing: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    readonly claimed: ClaimedRun,
    private readonly seconds: number,
  ) {}

  /** A signal that is aborted, with the reason, once a renewal has found the lease lost. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Writes to the run in the open transaction, which is a heartbeat too. Errors: LeaseLost. */
  async save(em: SqlEntityManager, patch: EntityData<RecountRun>): Promise<void> {
    const { id, owner } = this.claimed;
    const written = await em.nativeUpdate(
      RecountRun,
      { id, owner, status: RunStatus.RUNNING },
      { ...patch, ...heartbeat(em, this.seconds) },
    );
    if (written === 0) throw new LeaseLost(`Run ${id} was paused, cancelled or taken over.`);
  }

  /** Renews the lease three times within its length until `stop`, even while the work waits. */
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
      // A transient error is no loss: the next renewal comes before the lease expires.
      if (!isTransient(error)) this.#lost.abort(error);
    }
  }
}
