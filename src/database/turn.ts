import type { CompiledQuery, ControlConnectionProvider, DatabaseConnection, QueryResult } from 'kysely';
import { faultOf } from './database-errors.js';
import { unlessStopped, type TimeLimit } from './time-limit.js';

/**
 * One connection for as long as somebody has it. Within a time limit, no statement begins after the limit has ended, and
 * the one that is under way then is killed; nobody else gets the connection before that statement has come to its end.
 */
export class Turn implements DatabaseConnection {
  #underWay: Promise<void> = Promise.resolve();
  #cut = false;
  #released = false;

  constructor(
    readonly connection: DatabaseConnection,
    readonly limit: TimeLimit | undefined,
    /** Returns the text of a statement that ends by itself after so many milliseconds. */
    private readonly limited: (sql: string, milliseconds: number) => string,
    private readonly giveBack: () => void,
    private readonly control: ControlConnectionProvider,
    /** Is told of each error that the database gives. */
    private readonly onError: (error: unknown) => void,
  ) {}

  /** True once a statement could not be killed, so that the connection was cut. */
  get isCut(): boolean {
    return this.#cut;
  }

  /** Resolves once no statement is under way. */
  get settled(): Promise<void> {
    return this.#underWay;
  }

  async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    const { limit } = this;
    if (!limit) return this.noting(this.connection.executeQuery<Row>(query));
    limit.check();
    const sent = this.noting(this.connection.executeQuery<Row>({ ...query, sql: this.limited(query.sql, limit.millisecondsLeft) }));
    try {
      return await unlessStopped(sent, limit);
    } catch (error) {
      // The server's clock may be a moment before ours.
      if (faultOf(error)?.kind === 'timed_out') limit.stop('deadline');
      if (!limit.signal.aborted) throw error;
      this.#underWay = this.#end(sent);
      throw limit.signal.reason;
    }
  }

  streamQuery<Row>(query: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<Row>> {
    this.limit?.check();
    return this.connection.streamQuery<Row>(query, chunkSize);
  }

  /** Returns what the database answers, whose errors are looked at on their way. */
  async noting<Result>(answer: Promise<Result>): Promise<Result> {
    try {
      return await answer;
    } catch (error) {
      this.onError(error);
      throw error;
    }
  }

  /** Gives the connection back, as soon as no statement is under way; a second call does nothing. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    void this.#underWay.then(this.giveBack);
  }

  /** Kills the statement that was sent, and resolves at its end; where it cannot be killed, the connection is cut. */
  async #end(sent: Promise<unknown>): Promise<void> {
    const ended = sent.then(() => undefined, () => undefined);
    try {
      await this.connection.collectSessionInfo!();
      await this.connection.cancelQuery!(this.control);
    } catch {
      this.#cut = true;
      // Its first step is to let go of the connection; the second, to tell the server, fails for the same reason.
      void this.connection.killSession!(this.control).catch(() => undefined);
      return;
    }
    await ended;
  }
}
