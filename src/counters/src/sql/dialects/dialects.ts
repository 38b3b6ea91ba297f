import { CounterError } from '../../errors.js';
import type { Dialect } from './dialect.js';
import { mysqlAndMariadb } from './mysql-and-mariadb.js';
import { sqlite } from './sqlite.js';

/** The databases that the engine knows. */
const dialects: readonly Dialect[] = [sqlite, mysqlAndMariadb];

/**
 * Returns the dialect of the database of an entity manager or of an ORM's configuration. Errors: COUNTER_DECLARATION for
 * one that the engine does not know.
 */
export function dialectOf(of: { readonly getPlatform: () => object }): Dialect {
  const platform = of.getPlatform();
  const dialect = dialects.find(one => one.isOf(platform));
  if (!dialect)
    throw new CounterError(
      'COUNTER_DECLARATION',
      `Counters are kept on MySQL, MariaDB and SQLite, and not on the database of ${platform.constructor.name}.`,
    );
  return dialect;
}
