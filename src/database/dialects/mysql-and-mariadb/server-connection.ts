import type { Dictionary, QueryResult } from '@mikro-orm/core';
import { MySqlConnection } from '@mikro-orm/mysql';
import type { Dialect } from 'kysely';
import { LimitedDriver, type StatementLimits } from '../../connections/limited-driver.js';
import { ConnectionSlots } from '../../connections/connection-slots.js';
import { ExactColumns } from '../../connections/exact-columns.js';
import { laneRules } from '../../connections/purposes.js';
import { arePrepared } from '../../prepared-values.js';
import { runPrepared } from '../../run-prepared.js';
import { recordedSpan } from '../../tracing/tracing.js';
import { serverFaultOf } from './errors.js';
import { IdleConnections, type Pool } from './idle-connections.js';
import { sendPrepared } from './prepared-statements.js';

/** MikroORM's connections to MySQL or MariaDB, whose statements obey the current time limit. */
export abstract class ServerConnection extends MySqlConnection {
  /** The limits by which the server ends statements that take too long. */
  protected abstract readonly statementLimits: StatementLimits;
  /** The slots for connections; a caller without one waits here, and can stop waiting. */
  readonly slots = new ConnectionSlots(this.config.get('pool').max!, laneRules);
  readonly #idle = new IdleConnections(async () => {
    if (!this.connected) return null;
    const pool = await this.getNativeClient();
    if (pool !== this.#preparing) sendPrepared((this.#preparing = pool));
    return pool as unknown as Pool;
  });
  readonly #exactColumns = new ExactColumns(() => this.metadata);
  /** The pool whose connections prepare statements. */
  #preparing: unknown;

  override async createKyselyDialect(
    ...parameters: Parameters<MySqlConnection['createKyselyDialect']>
  ): ReturnType<MySqlConnection['createKyselyDialect']> {
    const dialect = await super.createKyselyDialect(...parameters);
    const limited: Dialect = {
      createAdapter: () => dialect.createAdapter(),
      createQueryCompiler: () => dialect.createQueryCompiler(),
      createIntrospector: database => dialect.createIntrospector(database),
      createDriver: () =>
        new LimitedDriver(dialect.createDriver(), this.slots, {
          statementLimits: this.statementLimits,
          faultOf: serverFaultOf,
          beforeUse: () => this.#idle.leaveOutStale(),
          closed: () => this.#idle.stop(),
        }),
    };
    return limited as Awaited<ReturnType<MySqlConnection['createKyselyDialect']>>;
  }

  /** Runs a statement. Errors: UnsafeNumberError if a key or a count in its rows exceeds 2^53 − 1. */
  override async execute<Result extends QueryResult | Dictionary | Dictionary[]>(
    ...parameters: Parameters<MySqlConnection['execute']>
  ): Promise<Result> {
    const [sql, values] = parameters;
    const result =
      typeof sql === 'string' && arePrepared(values) && !recordedSpan()
        ? await this.#prepared<Result>(sql, values as unknown[])
        : await super.execute<Result>(...parameters);
    this.#exactColumns.require((Array.isArray(result) ? result : [result]) as readonly Dictionary[]);
    return result;
  }

  async #prepared<Result>(sql: string, values: unknown[]): Promise<Result> {
    if (!this.connected) await this.ensureConnection();
    return (await runPrepared(this, this.config.get('onQuery')(sql, values), values)) as Result;
  }
}
