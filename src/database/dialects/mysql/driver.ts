import { MySqlDriver } from '@mikro-orm/mysql';
import type { StatementLimits } from '../../connections/limited-driver.js';
import { ServerConnection } from '../mysql-and-mariadb/server-connection.js';

/**
 * A pattern for the start of a statement that only reads, up to the place for MySQL's hints, and for the start of an
 * existing hint.
 */
const READ = /^\s*\(*\s*select\b(\s*\/\*\+)?/i;

/**
 * MySQL's limits. The limit is part of the statement's text, so none is left on the connection. A statement that does
 * not begin with SELECT has none; it ends when it is killed.
 */
const mySqlStatementLimits: StatementLimits = { prepare: () => Promise.resolve(limited) };

function limited(sql: string, milliseconds: number): string {
  // 0 would mean no limit.
  const limit = `max_execution_time(${Math.max(1, Math.ceil(milliseconds))})`;
  return sql.replace(READ, (start, hint: string | undefined) =>
    hint === undefined ? `${start} /*+ ${limit} */` : `${start} ${limit}`,
  );
}

class MySqlServerConnection extends ServerConnection {
  protected override readonly statementLimits = mySqlStatementLimits;
}

/** MikroORM's driver for MySQL, with connections that keep to time limits. */
export class LimitedMySqlDriver extends MySqlDriver {
  protected override readonly connection = new MySqlServerConnection(this.config);
}
