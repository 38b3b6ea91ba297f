import type { Dictionary, QueryResult } from '@mikro-orm/core';
import { PostgreSqlConnection, PostgreSqlDriver } from '@mikro-orm/postgresql';
import { CompiledQuery, type DatabaseConnection, type Dialect, type Kysely } from 'kysely';
import type { Pool, PoolConfig, TypeOverrides } from 'pg';
import { ConnectionSlots } from '../../connections/connection-slots.js';
import { ExactColumns } from '../../connections/exact-columns.js';
import { LimitedDriver } from '../../connections/limited-driver.js';
import { laneRules } from '../../connections/purposes.js';
import { areCompiled } from '../../compiled-values.js';
import { postgreSqlFaultOf } from './errors.js';
import { PoolDriver } from './pool-driver.js';
import { postgreSqlStatementLimits } from './statement-limits.js';

/** The part of a result that is returned. */
type ResultPart = 'all' | 'get' | 'run';

/** The number of the type of whole numbers of 64 bits. */
const BIGINT_TYPE_NUMBER = 20;

/** MikroORM's connections to PostgreSQL, whose statements obey the current time limit. */
export class PostgreSqlServerConnection extends PostgreSqlConnection {
  /** The slots for connections; a caller without one waits here, and can stop waiting. */
  readonly slots = new ConnectionSlots(this.config.get('pool').max!, laneRules);
  readonly #exactColumns = new ExactColumns(() => this.metadata);
  /** The pool of the connections that are open. */
  pool: Pool | undefined;

  override createKyselyDialect(
    overrides: Parameters<PostgreSqlConnection['createKyselyDialect']>[0],
  ): ReturnType<PostgreSqlConnection['createKyselyDialect']> {
    const dialect = super.createKyselyDialect({
      ...overrides,
      onPoolCreated: (pool: Pool) => (this.pool = pool),
    } as PoolConfig);
    const prepare = this.config.get('onCreateConnection') as (connection: DatabaseConnection) => Promise<void>;
    const limited: Dialect = {
      createAdapter: () => dialect.createAdapter(),
      createQueryCompiler: () => dialect.createQueryCompiler(),
      createIntrospector: database => dialect.createIntrospector(database),
      createDriver: () =>
        new LimitedDriver(new PoolDriver(this.pool!, prepare), this.slots, {
          statementLimits: postgreSqlStatementLimits,
          faultOf: postgreSqlFaultOf,
          beforeUse: () => undefined,
          closed: () => undefined,
        }),
    };
    return limited as ReturnType<PostgreSqlConnection['createKyselyDialect']>;
  }

  override mapOptions(overrides: object): ReturnType<PostgreSqlConnection['mapOptions']> {
    const options = super.mapOptions(overrides);
    (options.types as TypeOverrides).setTypeParser(BIGINT_TYPE_NUMBER, exactOrText);
    return options;
  }

  /** Runs a statement. Errors: UnsafeNumberError if a key or a count in its rows exceeds 2^53 − 1. */
  override async execute<Result extends QueryResult | Dictionary | Dictionary[]>(
    ...parameters: Parameters<PostgreSqlConnection['execute']>
  ): Promise<Result> {
    const [sql, values, method, transaction] = parameters as [unknown, unknown?, ResultPart?, Kysely<unknown>?];
    const result =
      typeof sql === 'string' && areCompiled(values)
        ? await this.#compiled<Result>(sql, values as unknown[], method, transaction)
        : await super.execute<Result>(...parameters);
    this.#exactColumns.require((Array.isArray(result) ? result : [result]) as readonly Dictionary[]);
    return result;
  }

  /** Runs a statement that the query builder has compiled: with numbered places, which MikroORM does not know. */
  async #compiled<Result>(
    text: string,
    values: readonly unknown[],
    method: ResultPart = 'all',
    transaction?: Kysely<unknown>,
  ): Promise<Result> {
    await this.ensureConnection();
    const sql = this.config.get('onQuery')(text, [...values]);
    return this.executeQuery<Result>(
      sql,
      async () => {
        const result = await (transaction ?? this.getClient()).executeQuery<Dictionary>(
          CompiledQuery.raw(sql, values.map(storable)),
        );
        return this.transformRawResult<Result>(result, method);
      },
      { query: sql, params: [...values] },
    );
  }
}

/**
 * Returns a value to compare with. No text in the database has a NUL, which the server does not even receive, and none of
 * its collations sees one.
 */
function storable(value: unknown): unknown {
  return typeof value === 'string' && value.includes('\0') ? value.replaceAll('\0', '') : value;
}

/** Returns a whole number; as a text if JavaScript would round it. */
function exactOrText(text: string): number | string {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : text;
}

/** MikroORM's driver for PostgreSQL, with connections that keep to time limits. */
export class LimitedPostgreSqlDriver extends PostgreSqlDriver {
  protected override readonly connection = new PostgreSqlServerConnection(this.config);
}
