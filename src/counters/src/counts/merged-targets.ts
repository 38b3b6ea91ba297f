import { helper } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { CounterRegistry } from '../declarations/registry.js';

/**
 * Marks the stored counts as loaded that em.transactional() has merged into an entity manager. MikroORM does not do so
 * where that had a mere reference before. Once a partial refresh has reduced the snapshot too, nothing would tell such a
 * count from an assigned one.
 */
export function markMergedCounts(em: SqlEntityManager, registry: CounterRegistry): void {
  const identityMap = em.getUnitOfWork(false).getIdentityMap();
  for (const target of new Set(registry.groups.map(group => group.target)))
    for (const entity of identityMap.getStore<object>(target as never).values()) {
      const { __meta: meta, __originalEntityData: snapshot, __loadedProperties: loaded } = helper(entity);
      if (!snapshot) continue;
      for (const { property } of registry.countersOn(meta)) if (property in snapshot) loaded.add(property);
    }
}
