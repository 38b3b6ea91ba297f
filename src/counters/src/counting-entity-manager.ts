import type { EntityMetadata, EntityName } from '@mikro-orm/core';
import { SqlEntityManager, type QueryBuilder } from '@mikro-orm/sql';
import { guardDriver } from './driver-guard.js';
import { countersOn, refuseStoredCounts } from './guards.js';
import { registryOf } from './subscriber.js';
import { counted, uncounted } from './write-scope.js';

/**
 * Refuses the writes of an entity manager that fire no hooks (COUNTER_BYPASS), where they could alter a count, and
 * names the way that works; all else is MikroORM's own.
 */
export class CountingEntityManager extends SqlEntityManager {
  constructor(...parameters: ConstructorParameters<typeof SqlEntityManager>) {
    super(...parameters);
    // Here a wrong declaration stops the start, and not only the first flush.
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
}

type Method = (this: SqlEntityManager, ...parameters: unknown[]) => Promise<unknown>;

/** Overrides a method that fires no hooks, so that what is refused below it is refused by its name. */
function override(
  name: keyof SqlEntityManager,
  prepare: (em: SqlEntityManager, parameters: unknown[]) => unknown[] = (_, parameters) => parameters,
): void {
  const original = SqlEntityManager.prototype[name] as unknown as Method;
  const named: Method = async function (...parameters) {
    return uncounted(`em.${name}()`, () => original.apply(this, prepare(this, parameters)));
  };
  Object.defineProperty(CountingEntityManager.prototype, name, { value: named, writable: true, configurable: true });
}

for (const name of ['insert', 'insertMany', 'upsert', 'upsertMany', 'nativeUpdate', 'nativeDelete'] as const)
  override(name);
override('clone', withCountsAtZero);

/** Lets a target be cloned, with stored counts that start at 0, for the clone has no rows yet. */
function withCountsAtZero(em: SqlEntityManager, [first, ...rest]: unknown[]): unknown[] {
  const registry = registryOf(em);
  const entity = typeof first === 'object' && first !== null && !('meta' in first);
  const meta = em.getMetadata((entity ? first.constructor : first) as EntityName<object>) as EntityMetadata;
  const counters = registry ? countersOn(registry, meta) : [];
  if (counters.length === 0) return [first, ...rest];
  const place = entity ? 0 : 1;
  const overrides = (rest[place] ?? {}) as object;
  refuseStoredCounts(registry!, meta, overrides, true);
  rest[place] = { ...overrides, ...Object.fromEntries(counters.map(({ property }) => [property, 0])) };
  return [first, ...rest];
}
