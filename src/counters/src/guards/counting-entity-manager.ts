import type { ClearDatabaseOptions, EntityMetadata, EntityName, MikroORM } from '@mikro-orm/core';
import { SchemaGenerator, SqlEntityManager, type QueryBuilder } from '@mikro-orm/sql';
import { noteOuter, noteTransaction } from '../counts/managers.js';
import { registryOf } from '../declarations/registry.js';
import { refuseStoredCounts } from './direct-writes.js';
import { guardDriver } from './driver-guard.js';
import { counted, uncounted } from './write-scope.js';

/**
 * MikroORM's entity manager, which here refuses writes that fire no hooks (COUNTER_BYPASS) where they could change a
 * count, and names what to use instead.
 */
export class CountingEntityManager extends SqlEntityManager {
  constructor(...parameters: ConstructorParameters<typeof SqlEntityManager>) {
    super(...parameters);
    // Resolved here, so that a wrong declaration stops the start and not only the first flush.
    const registry = registryOf(this);
    if (!registry) return;
    guardDriver(this, registry);
    const unitOfWork = this.getUnitOfWork(false);
    const commit = unitOfWork.commit.bind(unitOfWork);
    unitOfWork.commit = () => counted(commit);
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

  override transactional<Result>(
    work: (em: this) => Result | Promise<Result>,
    options?: Parameters<typeof SqlEntityManager.prototype.transactional>[1],
  ): Promise<Result> {
    const around = this.getContext(false) as SqlEntityManager;
    return super.transactional(em => {
      noteOuter(em, around);
      return work(em);
    }, options);
  }
}

type Method = (this: SqlEntityManager, ...parameters: unknown[]) => Promise<unknown>;

/** Overrides a method that fires no hooks, so that errors of the guards below it have its name. */
function override(
  name: keyof SqlEntityManager,
  prepare: (em: SqlEntityManager, parameters: unknown[]) => unknown[] = (_, parameters) => parameters,
): void {
  const original = SqlEntityManager.prototype[name] as Method;
  const named: Method = async function (...parameters) {
    return uncounted(`em.${name}()`, () => original.apply(this, prepare(this, parameters)));
  };
  Object.defineProperty(CountingEntityManager.prototype, name, { value: named, writable: true, configurable: true });
}

for (const name of ['insert', 'insertMany', 'upsert', 'upsertMany', 'nativeUpdate', 'nativeDelete'] as const)
  override(name);
override('clone', withCountsAtZero);

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
  rest[place] = { ...overrides, ...Object.fromEntries(counters.map(({ property }) => [property, 0])) };
  return [first, ...rest];
}

/**
 * MikroORM's schema generator, whose clear() here may empty counted tables, which the guards refuse to others: it
 * empties the tables of their targets too.
 */
export class CountingSchemaGenerator extends SchemaGenerator {
  static override register(orm: MikroORM): void {
    orm.config.registerExtension('@mikro-orm/schema-generator', () => new CountingSchemaGenerator(orm.em as never));
  }

  override clear(options?: ClearDatabaseOptions): Promise<void> {
    return counted(() => super.clear(options));
  }
}
