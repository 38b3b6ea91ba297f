import type { Configuration, EntityMetadata, EntityName } from '@mikro-orm/core';
import type { AbstractSqlConnection, QueryBuilder, SqlEntityManager } from '@mikro-orm/sql';
import { Kysely } from 'kysely';
import { counterIds } from '../counts/rollouts.js';
import type { CounterRegistry } from '../declarations/registry.js';
import { refuseTwin } from '../declarations/schemas.js';
import { CounterError } from '../errors.js';
import { dialectOf } from '../sql/dialects/dialects.js';
import { underflowOf } from '../triggers/strategy.js';
import { guardBuilder } from './builder-guard.js';
import { DirectWrites } from './direct-writes.js';
import { guardKysely } from './kysely-guard.js';
import { calledMethod, counted, isByKeys, isCounted, replacementOf } from './write-scope.js';

type Method = (...parameters: unknown[]) => unknown;
type Check = (writes: DirectWrites, method: string, meta: EntityMetadata, parameters: readonly unknown[]) => void;

/** The driver's methods that write rows, each with its check. MikroORM writes everything else with a query builder. */
const checks: Record<string, Check> = {
  nativeInsert: (writes, method, meta, [, data]) => writes.insert(method, meta, [data as object]),
  nativeInsertMany: (writes, method, meta, [, data]) => writes.insert(method, meta, data as object[]),
  nativeUpdate: (writes, method, meta, [, , data, options]) => update(writes, method, meta, [data as object], options),
  nativeUpdateMany: (writes, method, meta, [, , data, options]) =>
    update(writes, method, meta, data as object[], options),
  nativeDelete: (writes, method, meta) => writes.delete(method, meta),
  nativeClone: (writes, method, meta, [, , overrides]) => writes.clone(method, meta, overrides ?? {}),
};

const guarded = new WeakSet<object>();

/**
 * Makes an ORM's driver refuse what would write past the counters (COUNTER_BYPASS) or write a stored count
 * (COUNTER_ASSIGNED), through its own methods, its query builders, and the Kysely of its connections. Its error for a
 * trigger that would have made a stored count negative becomes COUNTER_UNDERFLOW.
 *
 * Every write of MikroORM that is not raw SQL passes here. Those of flushes and of the engine are counted and let
 * through.
 */
export function guardDriver(em: SqlEntityManager, registry: CounterRegistry): void {
  const driver = em.getDriver();
  if (guarded.has(driver)) return;
  guarded.add(driver);
  const writes = new DirectWrites(registry);
  const methods = driver as unknown as Record<string, Method>;
  for (const [name, check] of Object.entries(checks)) {
    const original = methods[name]!.bind(driver);
    // Async, so that a refusal is a rejected promise, as every failure of these methods is.
    methods[name] = async (...parameters) => {
      const meta = em.getMetadata().find(parameters[0] as EntityName<object>) as EntityMetadata | undefined;
      if (!meta || isCounted()) return original(...parameters);
      const replacement = replacementOf(name, meta.class);
      if (replacement) return replacement.write(original, parameters);
      refuseTwin(em, registry, meta, schemaIn(parameters));
      check(writes, calledMethod(`driver.${name}()`), meta, parameters);
      // Cloning uses a query builder, which would be refused as any other INSERT from a query.
      return name === 'nativeClone' ? counted(() => original(...parameters)) : original(...parameters);
    };
  }
  const createQueryBuilder = methods['createQueryBuilder']!.bind(driver);
  methods['createQueryBuilder'] = (...parameters) => {
    const builder = createQueryBuilder(...parameters) as QueryBuilder<object>;
    if (!isCounted()) return guardBuilder(em, writes, builder);
    return isByKeys() ? findingByKeys(builder, dialectOf(em).byPrimaryKey.trim()) : builder;
  };
  const convertException = methods['convertException']!.bind(driver);
  methods['convertException'] = error =>
    error instanceof CounterError ? error : (underflowOf(em, error, registry) ?? convertException(error));
  const getConnection = methods['getConnection']!.bind(driver);
  methods['getConnection'] = (...parameters) =>
    guardConnection(em, registry, getConnection(...parameters) as AbstractSqlConnection);
}

/** Makes the UPDATE of a query builder find its rows by an index, so that it locks no other rows. */
function findingByKeys(builder: QueryBuilder<object>, indexHint: string): QueryBuilder<object> {
  if (indexHint === '') return builder;
  const getNativeQuery = builder.getNativeQuery.bind(builder);
  builder.getNativeQuery = (...parameters) => {
    const { type, finalized } = builder.state as { readonly type?: string; readonly finalized: boolean };
    if (type === 'UPDATE' && !finalized) builder.indexHint(indexHint);
    return getNativeQuery(...parameters);
  };
  return builder;
}

/** Returns the schema among the options of a call, which are its last parameter. */
function schemaIn(parameters: readonly unknown[]): string | undefined {
  return (parameters.at(-1) as { schema?: string } | undefined)?.schema;
}

function update(
  writes: DirectWrites,
  method: string,
  meta: EntityMetadata,
  rows: readonly object[],
  options: unknown,
): void {
  if ((options as { upsert?: boolean } | undefined)?.upsert) writes.upsert(method, meta, rows);
  else for (const row of rows) writes.update(method, meta, row);
}

/** Guards the Kysely instance that a connection has at any time, which also makes its transactions. */
function guardConnection(
  em: SqlEntityManager,
  registry: CounterRegistry,
  connection: AbstractSqlConnection,
): AbstractSqlConnection {
  if (guarded.has(connection)) return connection;
  guarded.add(connection);
  const getClient = connection.getClient.bind(connection);
  // Else, withCounters() has it done once, when the connection is made.
  const session = mayForget(em.config) ? sessionSql(em, registry) : [];
  connection.getClient = () => guardKysely(em, registry, session, getClient());
  return connection;
}

/**
 * Returns the statements that prepare a session: for the form of the values that it sends, and to tell triggers what
 * hooks count.
 */
export function sessionSql(em: SqlEntityManager, registry: CounterRegistry): string[] {
  const { formatsSql, triggers } = dialectOf(em);
  const hooksSql = registry.strategy === 'hooks' ? triggers.leaveToHooksSql?.(counterIds(registry)) : undefined;
  return [formatsSql, hooksSql].filter(sql => typeof sql === 'string');
}

/**
 * Returns true for connections whose sessions may be reset when they are given back or taken: nobody knows it of a pool
 * that the application has made.
 */
function mayForget(config: Configuration): boolean {
  if (config.get('sessionContext') === 'connection') return true;
  const driverOptions: unknown = config.get('driverOptions');
  if (typeof driverOptions !== 'object' || driverOptions === null) return driverOptions !== undefined;
  if (driverOptions instanceof Kysely || 'createDriver' in driverOptions) return true;
  return 'resetOnRelease' in driverOptions && Boolean(driverOptions.resetOnRelease);
}
