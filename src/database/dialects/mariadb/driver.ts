import type { Dictionary, QueryResult } from '@mikro-orm/core';
import { MariaDbDriver } from '@mikro-orm/mariadb';
import { CompiledQuery, type DatabaseConnection } from 'kysely';
import type { StatementLimits } from '../../connections/limited-driver.js';
import { hasNumber } from '../mysql-and-mariadb/errors.js';
import { ServerConnection } from '../mysql-and-mariadb/server-connection.js';
import { withoutForcedIndexes } from './forced-index.js';

/** A pattern for the start of a statement that only reads. */
const READ = /^\s*\(*\s*select\b/i;

/**
 * MariaDB's limits. The limit is part of the statement's text, so none is left on the connection. A statement that does
 * not begin with SELECT has none; it ends when it is killed. Nor has any statement on a Galera cluster, which
 * replicates by threads that such a limit would end too.
 */
class MariaDbStatementLimits implements StatementLimits {
  #areKnown: Promise<boolean> | undefined;

  async prepare(connection: DatabaseConnection, milliseconds: number | null): ReturnType<StatementLimits['prepare']> {
    return milliseconds !== null && (await this.#mayLimit(connection)) ? limited : sql => sql;
  }

  #mayLimit(connection: DatabaseConnection): Promise<boolean> {
    return (this.#areKnown ??= connection
      .executeQuery<{ Value: string }>(CompiledQuery.raw("show variables like 'wsrep_on'"))
      .then(
        ({ rows }) => rows[0]?.Value !== 'ON',
        (error: unknown) => {
          this.#areKnown = undefined;
          throw error;
        },
      ));
  }
}

function limited(sql: string, milliseconds: number): string {
  // 0 would mean no limit.
  const seconds = Math.max(1, Math.ceil(milliseconds)) / 1000;
  return READ.test(sql) ? `set statement max_statement_time = ${seconds} for ${sql}` : sql;
}

class MariaDbServerConnection extends ServerConnection {
  protected override readonly statementLimits = new MariaDbStatementLimits();

  /** Runs a statement; without its hints if it names an index that somebody has dropped, which is slower. */
  override async execute<Result extends QueryResult | Dictionary | Dictionary[]>(
    ...parameters: Parameters<ServerConnection['execute']>
  ): Promise<Result> {
    try {
      return await super.execute<Result>(...parameters);
    } catch (error) {
      const [statement, ...others] = parameters;
      const plain = typeof statement === 'string' ? withoutForcedIndexes(statement) : statement;
      // ER_KEY_DOES_NOT_EXISTS.
      if (!hasNumber(error, 1176) || plain === statement) throw error;
      return super.execute<Result>(plain, ...others);
    }
  }
}

/** MikroORM's driver for MariaDB, with connections that keep to time limits. */
export class LimitedMariaDbDriver extends MariaDbDriver {
  protected override readonly connection = new MariaDbServerConnection(this.config);
}
