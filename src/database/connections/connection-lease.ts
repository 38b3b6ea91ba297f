import type { CompiledQuery, ControlConnectionProvider, DatabaseConnection, QueryResult } from 'kysely';
import pTimeout from 'p-timeout';
import type { Fault } from '../faults/fault.js';
import { arePrepared } from '../prepared-values.js';
import { unlessStopped, type TimeLimit } from '../time-limits/time-limit.js';
import { abandon } from './abandon-connection.js';
import type { Release } from './connection-slots.js';
import { isForChange, laneOf, purposeOutsideTransactions, type Lane, type Purpose } from './purposes.js';

/** A connection that is in use. */
export interface AcquiredConnection {
  readonly connection: DatabaseConnection;
  /** Returns the text of a statement that ends by itself after the given milliseconds. */
  readonly limited: (sql: string, milliseconds: number) => string;
  readonly release: Release;
}

/**
 * The longest time for killing a statement, in milliseconds; then the connection is abandoned instead, because a server that
 * hangs kills nothing.
 */
const MAX_KILL_MS = 5000;

/**
 * The unit of a server's own limit for a prepared statement, in milliseconds: the limit is part of the text, and each
 * text is prepared separately.
 */
const PREPARED_LIMIT_UNIT_MS = 5000;

/**
 * Returns the limit by which the server ends a statement, in milliseconds. A prepared one may take up to a unit longer
 * than its time limit, but only if this process does not kill it first, because it hangs or is gone.
 */
function serverLimit({ parameters }: CompiledQuery, { millisecondsLeft }: TimeLimit): number {
  if (!arePrepared(parameters)) return millisecondsLeft;
  return Math.max(1, Math.ceil(millisecondsLeft / PREPARED_LIMIT_UNIT_MS)) * PREPARED_LIMIT_UNIT_MS;
}

/**
 * Returns the purpose of statements outside of a transaction; a read before a change, or for the answer to a saved
 * change, is a part of that change.
 */
function purposeWithin(limit: TimeLimit | undefined): Purpose {
  const purpose = purposeOutsideTransactions();
  return purpose === 'read' && (isForChange() || limit?.maySave === true) ? 'transaction' : purpose;
}

/**
 * One connection for as long as a caller has it, taken with the first statement, when its purpose is known. Within a
 * time limit, no statement begins after the limit has ended, and a statement that is then in progress is killed; the
 * connection goes to no other caller before that statement has ended.
 */
export class ConnectionLease implements DatabaseConnection {
  readonly #purpose: Purpose;
  #taking: Promise<AcquiredConnection> | undefined;
  #taken: AcquiredConnection | undefined;
  #underWay: Promise<void> = Promise.resolve();
  #abandoned = false;
  #released = false;

  constructor(
    readonly limit: TimeLimit | undefined,
    private readonly open: (lane: Lane) => Promise<AcquiredConnection>,
    private readonly control: ControlConnectionProvider,
    /** Records an error of the database, and returns what it means. */
    private readonly note: (error: unknown) => Fault | null,
  ) {
    this.#purpose = purposeWithin(limit);
  }

  /** True once a statement could not be killed, so that the connection was abandoned. */
  get isAbandoned(): boolean {
    return this.#abandoned;
  }

  /** Resolves once no statement is in progress. */
  get settled(): Promise<void> {
    return this.#underWay;
  }

  /** The connection of a transaction that has begun. */
  get connection(): DatabaseConnection {
    return this.#taken!.connection;
  }

  /** Takes a connection, unless this lease already has one. */
  async take(lane: Lane): Promise<AcquiredConnection> {
    this.#taking ??= this.open(lane);
    return (this.#taken = await this.#taking);
  }

  async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    const { limit } = this;
    limit?.check();
    const { connection, limited } = this.#taken ?? (await this.take(laneOf(this.#purpose, query.sql)));
    if (!limit) return this.noting(connection.executeQuery<Row>(query));
    limit.check();
    const sent = connection.executeQuery<Row>({ ...query, sql: limited(query.sql, serverLimit(query, limit)) });
    try {
      return await unlessStopped(sent, limit);
    } catch (error) {
      // The server's clock may be slightly ahead of this process's clock.
      if (this.note(error)?.kind === 'timed_out') limit.stop('deadline');
      if (!limit.signal.aborted) throw error;
      if (this.#purpose !== 'probe') this.#underWay = this.#end(connection, sent);
      throw limit.signal.reason;
    }
  }

  async *streamQuery<Row>(query: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<Row>> {
    this.limit?.check();
    const { connection } = await this.take(laneOf(this.#purpose, query.sql));
    yield* connection.streamQuery<Row>(query, chunkSize);
  }

  /** Returns the database's answer, and records its errors. */
  async noting<Result>(answer: Promise<Result>): Promise<Result> {
    try {
      return await answer;
    } catch (error) {
      this.note(error);
      throw error;
    }
  }

  /** Returns the connection as soon as no statement is in progress; a second call does nothing. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    const taken = this.#taken;
    if (!taken) return;
    // Nobody waits for the rest of an abandoned probe, and its query may be half sent.
    if (this.#purpose === 'probe' && this.limit?.signal.aborted) this.#abandonConnection(taken.connection);
    void this.#underWay.then(taken.release);
  }

  /**
   * Kills the statement that was sent, and resolves when it has ended; if it cannot be killed, the connection is abandoned.
   */
  async #end(connection: DatabaseConnection, sent: Promise<unknown>): Promise<void> {
    const ended = sent.then(
      () => undefined,
      () => undefined,
    );
    try {
      // The killing must be over too, because otherwise it would end the next statement.
      await pTimeout(
        this.#kill(connection).then(() => ended),
        { milliseconds: MAX_KILL_MS, message: 'The statement could not be killed in time.' },
      );
    } catch {
      this.#abandonConnection(connection);
    }
  }

  #abandonConnection(connection: DatabaseConnection): void {
    if (this.#abandoned) return;
    this.#abandoned = true;
    // Telling the server fails if it hangs; it rolls back when it notices that the connection is closed.
    void abandon(connection).catch(() => undefined);
  }

  async #kill(connection: DatabaseConnection): Promise<void> {
    await connection.collectSessionInfo!();
    await connection.cancelQuery!(this.control);
  }
}
