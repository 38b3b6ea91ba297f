import { CompiledQuery, type DatabaseConnection, type QueryResult } from 'kysely';
import type { Release } from '../../connections/connection-slots.js';
import { purposeOutsideTransactions, type Purpose } from '../../connections/purposes.js';
import { currentLimit, type TimeLimit } from '../../time-limits/time-limit.js';
import { isReadOnly } from './errors.js';
import { blockedTime } from './event-loop-share.js';

/** A pattern for the start of a statement that usually reads; SQLite reports the ones that write nevertheless. */
const READ = /^\s*\(*\s*(?:select|with|values|explain)\b/i;

/** A connection that is in use, and the function that returns it; a second call does nothing. */
export interface HeldConnection {
  readonly connection: DatabaseConnection;
  readonly release: Release;
}

/** A pool that lends the connections of a lease. */
export interface Lender {
  readonly take: (purpose: Purpose, limit: TimeLimit | undefined) => Promise<HeldConnection>;
  /**
   * Repeats work for as long as another process locks the file, until the deadline of a caller that asked at this
   * moment.
   */
  readonly unlessBusy: <Result>(askedAt: number, work: () => Promise<Result>) => Promise<Result>;
}

/**
 * A connection as a caller of Kysely sees it: a transaction keeps one real connection until its end, and any other
 * statement takes one for itself.
 */
export class FileLease implements DatabaseConnection {
  readonly #limit = currentLimit();
  readonly #purpose = purposeOutsideTransactions();
  /** The moment when it was requested, in milliseconds of the process's clock. */
  readonly #askedAt = performance.now();
  #held: HeldConnection | undefined;

  constructor(private readonly lender: Lender) {}

  /**
   * Runs a statement to its end, because node:sqlite cannot interrupt it. Within a time limit, no statement begins
   * after the limit has ended. If statements have blocked the event loop for long, everything else gets a turn first.
   */
  async executeQuery<Row>(...parameters: Parameters<DatabaseConnection['executeQuery']>): Promise<QueryResult<Row>> {
    const run = async (connection: DatabaseConnection): Promise<QueryResult<Row>> => {
      if (blockedTime.isLong) await blockedTime.over();
      this.#limit?.check();
      return connection.executeQuery<Row>(...parameters);
    };
    if (this.#held) return run(this.#held.connection);
    if (!READ.test(parameters[0].sql)) return this.#once('transaction', run);
    try {
      return await this.#once(this.#purpose, run);
    } catch (error) {
      // Nothing was done: the statement writes, although it begins like one that reads.
      if (isReadOnly(error)) return this.#once('transaction', run);
      throw error;
    }
  }

  async *streamQuery<Row>(
    ...parameters: Parameters<DatabaseConnection['streamQuery']>
  ): AsyncIterableIterator<QueryResult<Row>> {
    this.#limit?.check();
    const { connection, release } = this.#held ?? (await this.lender.take(this.#purpose, this.#limit));
    try {
      yield* connection.streamQuery<Row>(...parameters);
    } finally {
      if (!this.#held) release();
    }
  }

  /** Begins a transaction; one that only reads waits for no writer. */
  async begin(onlyReads: boolean): Promise<void> {
    this.#held = await this.lender.take(onlyReads ? 'read' : 'transaction', this.#limit);
    try {
      await this.lender.unlessBusy(this.#askedAt, () =>
        this.executeQuery(CompiledQuery.raw(onlyReads ? 'begin' : 'begin immediate')),
      );
    } catch (error) {
      this.release(); // Kysely's controlled transactions do not return a connection whose transaction did not begin.
      throw error;
    }
  }

  /** Runs the statement that ends a transaction, whatever the limit. */
  async end(statement: string): Promise<void> {
    await this.#held!.connection.executeQuery(CompiledQuery.raw(statement));
  }

  release(): void {
    this.#held?.release();
    this.#held = undefined;
  }

  async #once<Result>(purpose: Purpose, run: (connection: DatabaseConnection) => Promise<Result>): Promise<Result> {
    const { connection, release } = await this.lender.take(purpose, this.#limit);
    try {
      return await this.lender.unlessBusy(this.#askedAt, () => run(connection));
    } finally {
      release();
    }
  }
}
