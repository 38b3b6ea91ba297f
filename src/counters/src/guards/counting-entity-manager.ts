import {
  ChangeSetPersister,
  type ClearDatabaseOptions,
  type Configuration,
  type EntityMetadata,
  type EntityName,
  type MikroORM,
  type UnitOfWork,
} from '@mikro-orm/core';
import { SchemaGenerator, SqlEntityManager, type QueryBuilder } from '@mikro-orm/sql';
import { noteOuter, noteTransaction } from '../counts/managers.js';
import { markMergedCounts } from '../counts/merged-targets.js';
import { valueOf } from '../declarations/amounts.js';
import { refuseForeignKeyRules } from '../declarations/foreign-key-rules.js';
import { refuseOptions } from '../declarations/orm-options.js';
import { DeclaredCounters, registryOf, type CounterRegistry } from '../declarations/registry.js';
import { CounterError } from '../errors.js';
import { dialectOf } from '../sql/dialects/dialects.js';
import { refuseStoredCounts } from './direct-writes.js';
import { guardDriver } from './driver-guard.js';
import { inFlush } from './flushes.js';
import { counted, uncounted } from './write-scope.js';

/** A class of entity managers. */
export type EntityManagerClass = new (
  ...parameters: ConstructorParameters<typeof SqlEntityManager>
) => SqlEntityManager;

/** The classes that keep counters. */
const countingClasses = new WeakSet<object>();

/** Returns true for a class that keeps counters, or that extends one. */
function isCounting(one: unknown): boolean {
  for (let base = one; typeof base === 'function'; base = Object.getPrototypeOf(base))
    if (countingClasses.has(base)) return true;
  return false;
}

/**
 * Returns a class of entity managers that extends an application's own, and refuses writes that fire no hooks
 * (COUNTER_BYPASS) where they could change a count, and names what to use instead. Errors: COUNTER_DECLARATION for a
 * class that is not one of MikroORM's entity managers for SQL.
 */
export function countingClass(base: EntityManagerClass): EntityManagerClass {
  if (isCounting(base)) return base;
  if (base !== SqlEntityManager && !(base.prototype instanceof SqlEntityManager))
    throw new CounterError(
      'COUNTER_DECLARATION',
      `The option entityManager names ${base.name}, which does not extend SqlEntityManager of @mikro-orm/sql. Let it do so.`,
    );
  const counting = class extends base {
    constructor(...parameters: ConstructorParameters<EntityManagerClass>) {
      super(...parameters);
      start(this);
      const unitOfWork = this.getUnitOfWork(false);
      countStatementsOf(this, unitOfWork);
      const commit = unitOfWork.commit.bind(unitOfWork);
      unitOfWork.commit = () => inFlush(unitOfWork, commit);
    }

    override createQueryBuilder<Entity extends object, RootAlias extends string = never>(
      ...parameters: Parameters<typeof SqlEntityManager.prototype.createQueryBuilder<Entity, RootAlias>>
    ): QueryBuilder<Entity, RootAlias> {
      return uncounted(undefined, () => super.createQueryBuilder<Entity, RootAlias>(...parameters));
    }

    // Which entity managers work in a transaction decides in which of them a target shows its new count.

    override setTransactionContext(
      ...parameters: Parameters<typeof SqlEntityManager.prototype.setTransactionContext>
    ): void {
      super.setTransactionContext(...parameters);
      noteTransaction(this.getContext(false));
    }

    override async begin(...parameters: Parameters<typeof SqlEntityManager.prototype.begin>): Promise<void> {
      await super.begin(...parameters);
      noteTransaction(this.getContext(false));
    }

    override fork(options?: Parameters<typeof SqlEntityManager.prototype.fork>[0]): this {
      const fork = super.fork(options);
      noteTransaction(fork);
      return fork;
    }

    override async transactional<Result>(
      work: (em: this) => Result | Promise<Result>,
      options?: Parameters<typeof SqlEntityManager.prototype.transactional>[1],
    ): Promise<Result> {
      const around = this.getContext(false) as SqlEntityManager;
      const result = await super.transactional(em => {
        noteOuter(em, around);
        return work(em);
      }, options);
      markMergedCounts(around, registryOf(this)!);
      return result;
    }
  };
  for (const name of ['insert', 'insertMany', 'upsert', 'upsertMany', 'nativeUpdate', 'nativeDelete'] as const)
    override(counting, name);
  override(counting, 'clone', withCountsAtZero);
  countingClasses.add(counting);
  return counting;
}

/** Returns true where a flush opens a transaction if none is open. */
export function opensTransactions(em: SqlEntityManager): boolean {
  return em.getPlatform().supportsTransactions() && em.config.get('implicitTransactions') === true;
}

/**
 * Refuses entity managers without the guards (COUNTER_DECLARATION): the application has replaced what withCounters() has
 * made.
 */
export function requireCounting(config: Configuration): void {
  const own = config.get('entityManager');
  if (isCounting(own)) return;
  throw new CounterError(
    'COUNTER_DECLARATION',
    `The option entityManager is ${own?.name ?? 'missing'}, which refuses no bypasses. Give it to withCounters() together with the other options.`,
  );
}

/**
 * Lets a unit of work's own statements pass the guards, and nothing else that runs during its flush: neither hooks and
 * subscribers, nor the functions that give properties their values.
 *
 * The unit of work keeps its change set persister to itself from here on. Code that asks for the persister gets another one.
 */
function countStatementsOf(em: SqlEntityManager, unitOfWork: UnitOfWork): void {
  countCalls(em, unitOfWork.getChangeSetPersister(), ['executeInserts', 'executeUpdates', 'executeDeletes']);
  countCalls(em, unitOfWork, ['commitCollectionUpdates']);
  let other: ChangeSetPersister | undefined;
  unitOfWork.getChangeSetPersister = () => (other ??= new ChangeSetPersister(em));
}

/** Makes the writes of some methods of an object counted, unless no transaction would keep rows and counts together. */
function countCalls(em: SqlEntityManager, object: object, names: readonly string[]): void {
  const methods = object as Record<string, (...parameters: unknown[]) => unknown>;
  for (const name of names) {
    const original = methods[name]!.bind(object);
    methods[name] = (...parameters) =>
      em.isInTransaction() || opensTransactions(em)
        ? counted(() => original(...parameters))
        : uncounted('A flush without a transaction', () => original(...parameters));
  }
}

/** The registry for which each ORM was checked. */
const checked = new WeakMap<object, CounterRegistry>();

/**
 * Checks, for the first entity manager of an ORM and for the next one after entities were discovered, everything that
 * could make counts wrong, so that it stops the start and not only the first flush (COUNTER_DECLARATION). Then guards the
 * driver.
 */
function start(em: SqlEntityManager): void {
  const registry = registryOf(em);
  if (!registry)
    throw new CounterError(
      'COUNTER_DECLARATION',
      'The option subscribers lacks the one of withCounters(). Give your own to withCounters() together with the other options.',
    );
  if (checked.get(em.config) === registry) return;
  if (registry.groups.length > 0) {
    dialectOf(em);
    refuseOptions(em.config);
    refuseForeignKeyRules(em, registry, registry.strategy);
  }
  guardDriver(em, registry);
  checked.set(em.config, registry);
}

type Method = (this: SqlEntityManager, ...parameters: unknown[]) => Promise<unknown>;

/** Overrides a method that fires no hooks, so that errors of the guards below it have its name. */
function override(
  counting: EntityManagerClass,
  name: keyof SqlEntityManager,
  prepare: (em: SqlEntityManager, parameters: unknown[]) => unknown[] = (_, parameters) => parameters,
): void {
  const original = counting.prototype[name] as Method;
  const named: Method = async function (...parameters) {
    return uncounted(`em.${name}()`, () => original.apply(this, prepare(this, parameters)));
  };
  Object.defineProperty(counting.prototype, name, { value: named, writable: true, configurable: true });
}

/** Lets a target be cloned with stored counts of 0, because the clone has no rows yet. */
function withCountsAtZero(em: SqlEntityManager, [first, ...rest]: unknown[]): unknown[] {
  const registry = registryOf(em);
  const entity = typeof first === 'object' && first !== null && !('meta' in first);
  const meta = em.getMetadata((entity ? first.constructor : first) as EntityName<object>) as EntityMetadata;
  const counters = registry?.countersOn(meta) ?? [];
  if (!registry || counters.length === 0) return [first, ...rest];
  const place = entity ? 0 : 1;
  const overrides = rest[place] ?? {};
  refuseStoredCounts(registry, meta, overrides, true);
  rest[place] = {
    ...overrides,
    ...Object.fromEntries(counters.map(counter => [counter.property, valueOf(counter, 0n)])),
  };
  return [first, ...rest];
}

/** MikroORM's entity manager, which here keeps counters: the one of an application that has none of its own. */
export class CountingEntityManager extends countingClass(SqlEntityManager) {}

/**
 * MikroORM's schema generator, whose clear() here may empty counted tables, which the guards refuse to others: it
 * empties the tables of their targets too.
 */
export class CountingSchemaGenerator extends SchemaGenerator {
  static override register(orm: MikroORM): void {
    if ([...orm.config.get('subscribers')].some(one => one instanceof DeclaredCounters)) requireCounting(orm.config);
    orm.config.registerExtension('@mikro-orm/schema-generator', () => new CountingSchemaGenerator(orm.em as never));
  }

  override clear(options?: ClearDatabaseOptions): Promise<void> {
    return counted(() => super.clear(options));
  }
}
