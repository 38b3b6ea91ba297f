import type { EntityMetadata, EntityName } from '@mikro-orm/core';
import type { AbstractSqlConnection, AbstractSqlDriver, QueryBuilder, SqlEntityManager } from '@mikro-orm/sql';
import { guardBuilder } from './builder-guard.js';
import { DirectWrites } from './direct-writes.js';
import { CounterError } from './errors.js';
import { guardKysely } from './kysely-guard.js';
import type { CounterRegistry } from './registry.js';
import { underflowOf } from './underflow.js';
import { counted, isCounted, wayOr } from './write-scope.js';

type Method = (...parameters: unknown[]) => unknown;
type Check = (writes: DirectWrites, way: string, meta: EntityMetadata, parameters: readonly unknown[]) => void;

/**
 * Lists the driver's methods that write rows, each with its check; all that MikroORM writes otherwise goes through a
 * query builder.
 */
const checks: Record<string, Check> = {
  nativeInsert: (writes, way, meta, [, data]) => writes.insert(way, meta, [data as object]),
  nativeInsertMany: (writes, way, meta, [, data]) => writes.insert(way, meta, data as object[]),
  nativeUpdate: (writes, way, meta, [, , data, options]) => update(writes, way, meta, [data as object], options),
  nativeUpdateMany: (writes, way, meta, [, , data, options]) => update(writes, way, meta, data as object[], options),
  nativeDelete: (writes, way, meta) => writes.delete(way, meta),
  nativeClone: (writes, way, meta, [, , overrides]) => writes.clone(way, meta, (overrides ?? {}) as object),
};

const guarded = new WeakSet<object>();

/**
 * Makes an ORM's driver refuse, for all that use it, what would write past the counters (COUNTER_BYPASS) or write a
 * stored count (COUNTER_ASSIGNED): its own methods, its query builders, and the Kysely of its connections; and tell in
 * the engine's words where a trigger would have made a stored count negative (COUNTER_UNDERFLOW).
 *
 * Every write of MikroORM that is not raw SQL passes here; those of flushes and of the engine are counted and let
 * through.
 */
export function guardDriver(em: SqlEntityManager, registry: CounterRegistry): void {
  const driver = em.getDriver() as AbstractSqlDriver;
  if (guarded.has(driver)) return;
  guarded.add(driver);
  const writes = new DirectWrites(registry);
  const methods = driver as unknown as Record<string, Method>;
  for (const [name, check] of Object.entries(checks)) {
    const original = methods[name]!.bind(driver);
    // Async, so that it refuses as it fails: with a promise.
    methods[name] = async (...parameters) => {
      const meta = em.getMetadata().find(parameters[0] as EntityName<object>) as EntityMetadata | undefined;
      if (!meta || isCounted()) return original(...parameters);
      check(writes, wayOr(`driver.${name}()`), meta, parameters);
      // Cloning goes through a query builder of its own, which would take the copy for any other.
      return name === 'nativeClone' ? counted(() => original(...parameters)) : original(...parameters);
    };
  }
  const createQueryBuilder = methods['createQueryBuilder']!.bind(driver);
  methods['createQueryBuilder'] = (...parameters) => {
    const builder = createQueryBuilder(...parameters) as QueryBuilder<object>;
    return isCounted() ? builder : guardBuilder(writes, builder);
  };
  const convertException = methods['convertException']!.bind(driver);
  methods['convertException'] = error =>
    error instanceof CounterError ? error : (underflowOf(error, registry) ?? convertException(error));
  const getConnection = methods['getConnection']!.bind(driver);
  methods['getConnection'] = (...parameters) =>
    guardConnection(registry, getConnection(...parameters) as AbstractSqlConnection);
}

function update(
  writes: DirectWrites,
  way: string,
  meta: EntityMetadata,
  rows: readonly object[],
  options: unknown,
): void {
  if ((options as { upsert?: boolean } | undefined)?.upsert) writes.upsert(way, meta, rows);
  else for (const row of rows) writes.update(way, meta, row);
}

/** Guards the Kysely instance that a connection has at any time, from which its transactions come too. */
function guardConnection(registry: CounterRegistry, connection: AbstractSqlConnection): AbstractSqlConnection {
  if (guarded.has(connection)) return connection;
  guarded.add(connection);
  const getClient = connection.getClient.bind(connection);
  connection.getClient = () => guardKysely(registry, getClient());
  return connection;
}
