import { FlushMode, TransactionEventBroadcaster } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { dialectOf, type Database } from '../../database/database.js';
import { faultWithin } from '../../database/faults/fault-of.js';
import { currentLimit, TimeLimit, withinLimit } from '../../database/time-limits/time-limit.js';
import { CommandError } from '../failures/command-error.js';

/** The longest time that one transaction of a session may take, in seconds: an hour. */
const MAX_TRANSACTION_SECONDS = 3600;

/**
 * The time after which the server itself ends a transaction that this process should have ended, in seconds: it is
 * suspended, or its machine is gone.
 */
const SERVER_MARGIN_SECONDS = 10;

/** A transaction or a savepoint, as the connection of MikroORM knows it. */
type Transaction = Parameters<ReturnType<Database['em']['getConnection']>['commit']>[0];

/** How a session treats what its lines change. */
export interface SessionOptions {
  /** Whether each line is saved when it ends. */
  readonly savesLines: boolean;
  /** The longest time between two lines for which changes are held, in seconds. */
  readonly holdSeconds: number;
  /** Called after changes were rolled back because that time was over. */
  readonly onExpired: () => void;
}

/**
 * The changes of a person or a script, line by line.
 *
 * Each line is a savepoint, so that one that fails changes nothing, on PostgreSQL too. The transaction around it begins
 * with the line. It ends with it, unless the line has changed or locked something and is not to be saved yet: only then
 * locks are held between lines, and not for longer than `holdSeconds`.
 */
export class Session {
  /** The entity manager of all lines, which is in their transaction while one runs. */
  readonly em: SqlEntityManager;
  #transaction: Transaction | null = null;
  #limit: TimeLimit | null = null;
  #heldLines = 0;
  #lineChanges = false;
  #isEnded = false;
  /** The number of lines that wait for their turn or run. */
  #lines = 0;
  #isInterrupted = false;
  #endHold: (() => Promise<void>) | null = null;
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly database: Database,
    private readonly options: SessionOptions,
  ) {
    // Without flushes that nobody asked for: a search would write what is not ready.
    const em = database.em.fork({ flushMode: FlushMode.COMMIT }) as SqlEntityManager;
    const fork = em.fork.bind(em);
    this.em = Object.assign(em, {
      fork: (given: Parameters<typeof fork>[0]) => fork({ ...given, keepTransactionContext: true }),
    });
  }

  /** The number of lines whose changes are held. */
  get heldLines(): number {
    return this.#heldLines;
  }

  /** Notes that the line changes or locks rows, or may do so. */
  noteChange(): void {
    this.#lineChanges = true;
  }

  /** Notes an error of the database, which may have ended the transaction. */
  noteError(error: unknown): void {
    const fault = faultWithin(error);
    if (fault && fault.ended !== 'statement') this.#isEnded = true;
  }

  /**
   * Requires that the transaction is there: after the database has ended it, statements would be saved one by one.
   * Errors: CommandError.
   */
  requireTransaction(): void {
    // Code of a line that was interrupted may still run, beside the next line.
    if (this.#transaction === null || currentLimit() !== this.#limit)
      throw new CommandError('This belongs to a line that has ended.');
    this.#requireNotEnded();
  }

  #requireNotEnded(): void {
    if (this.#isEnded)
      throw new CommandError('The database has ended the transaction. Nothing more can be done in this line.');
  }

  /**
   * Stops the line that waits or runs, if one does: its statement is killed, and the transaction ends with it. One that
   * is being saved is saved.
   */
  interrupt(): void {
    if (this.#lines === 0) return;
    this.#isInterrupted = true;
    this.#limit?.stop('client_gone');
  }

  /** Runs the work of a line, after the lines before it. Errors: those of the work, whose changes are undone. */
  line<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#lines += 1;
    return this.#inTurn(() => this.#line(work)).finally(() => {
      this.#lines -= 1;
      this.#isInterrupted = false;
    });
  }

  /** Saves the changes that are held. Errors: those of the database, after which nothing is saved. */
  save(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#transaction === null) return;
      try {
        await this.#release();
        await this.#connection().commit(this.#transaction, this.#events());
        this.#forget();
      } catch (error) {
        await this.#rollBack();
        throw error;
      }
    });
  }

  /** Takes back the changes that are held. */
  rollBack(): Promise<void> {
    return this.#inTurn(() => this.#rollBack());
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    clearTimeout(this.#timer);
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #line<Result>(work: () => Promise<Result>): Promise<Result> {
    clearTimeout(this.#timer);
    const { savesLines } = this.options;
    this.#lineChanges = false;
    let result: Result;
    try {
      result = await this.#inSavepoint(await this.#begin(), work);
      if (!savesLines) {
        if (this.#lineChanges || this.#heldLines > 0) await this.#limitIdleTime();
        this.#limit!.check();
      }
    } catch (error) {
      this.noteError(error);
      // What was loaded or changed in memory no longer is what the database has.
      if (this.#lineChanges) this.em.clear();
      if (this.#isOver || this.#heldLines === 0) await this.#rollBack();
      else this.#hold();
      throw error;
    }
    if (this.#lineChanges) this.#heldLines += 1;
    if (savesLines) await this.#saveLine();
    else if (this.#heldLines === 0) await this.#rollBack();
    else this.#hold();
    return result;
  }

  async #inSavepoint<Result>(transaction: Transaction, work: () => Promise<Result>): Promise<Result> {
    const { em } = this;
    await em.begin({ ctx: transaction });
    const savepoint = this.#current();
    try {
      this.#limit!.check();
      const result = await withinLimit(this.#limit!, work);
      this.#requireNotEnded();
      await this.#connection().commit(savepoint, this.#events());
      return result;
    } catch (error) {
      this.noteError(error);
      if (!this.#isOver) await this.#connection().rollback(savepoint, this.#events());
      throw error;
    } finally {
      em.setTransactionContext(transaction);
    }
  }

  /** Whether the transaction can only be rolled back. */
  get #isOver(): boolean {
    return this.#isEnded || this.#limit?.reason != null;
  }

  async #saveLine(): Promise<void> {
    try {
      await this.#connection().commit(this.#transaction!, this.#events());
      this.#forget();
    } catch (error) {
      this.em.clear();
      await this.#rollBack();
      throw error;
    }
  }

  async #begin(): Promise<Transaction> {
    if (this.#transaction) return this.#transaction;
    this.#limit = new TimeLimit(MAX_TRANSACTION_SECONDS);
    if (this.#isInterrupted) this.#limit.stop('client_gone');
    this.#isEnded = false;
    await withinLimit(this.#limit, () => this.em.begin());
    return (this.#transaction = this.#current());
  }

  /** Has the server end the transaction if this process does not. */
  async #limitIdleTime(): Promise<void> {
    if (this.#endHold) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const limited = Promise.withResolvers<void>();
    const seconds = this.options.holdSeconds + SERVER_MARGIN_SECONDS;
    const held = dialectOf(this.database).connections.withIdleLimit(this.em, seconds, () => {
      limited.resolve();
      return promise;
    });
    held.catch(limited.reject);
    await limited.promise;
    this.#endHold = () => {
      resolve();
      return held;
    };
  }

  /** Ends that, so that the connection is as others need it. */
  async #release(): Promise<void> {
    const end = this.#endHold;
    this.#endHold = null;
    await end?.();
  }

  #hold(): void {
    this.#timer = setTimeout(() => {
      void this.rollBack().then(this.options.onExpired);
    }, this.options.holdSeconds * 1000);
  }

  async #rollBack(): Promise<void> {
    if (this.#transaction === null) return this.#forget();
    if (this.#heldLines > 0) this.em.clear();
    await this.#release().catch(() => undefined);
    // A connection that is gone has rolled back.
    await this.#connection()
      .rollback(this.#transaction, this.#events())
      .catch(() => undefined);
    this.#forget();
  }

  #forget(): void {
    this.em.resetTransactionContext();
    this.#limit?.end();
    this.#transaction = this.#limit = null;
    this.#heldLines = 0;
  }

  /** Returns the transaction or savepoint that the entity manager is in. */
  #current(): Transaction {
    return this.em.getTransactionContext<Transaction>()!;
  }

  #connection() {
    return this.database.em.getConnection('write');
  }

  #events(): TransactionEventBroadcaster {
    return new TransactionEventBroadcaster(this.em);
  }
}
