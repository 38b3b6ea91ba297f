import { SqlEntityManager, type QueryBuilder } from '@mikro-orm/sql';
import type { Kysely } from 'kysely';
import { bypassChecks, guardBuilder, type BypassCheck } from './bypass.js';
import { KyselyGuard } from './kysely-guard.js';
import { registryOf } from './subscriber.js';

/**
 * Refuses the writes of an entity manager that fire no hooks (COUNTER_BYPASS), where they could alter a count, and names
 * the way that works; all else is MikroORM's own.
 */
export class CountingEntityManager extends SqlEntityManager {
  constructor(...parameters: ConstructorParameters<typeof SqlEntityManager>) {
    super(...parameters);
    registryOf(this); // A wrong declaration stops the start, not the first flush.
  }

  override createQueryBuilder<Entity extends object, RootAlias extends string = never>(
    ...parameters: Parameters<typeof SqlEntityManager.prototype.createQueryBuilder<Entity, RootAlias>>
  ): QueryBuilder<Entity, RootAlias> {
    const builder = super.createQueryBuilder<Entity, RootAlias>(...parameters);
    const registry = registryOf(this);
    return registry ? guardBuilder(registry, builder) : builder;
  }

  // The declared type depends on the ORM's entities in ways that an override cannot repeat; the value is the same.
  override getKysely(...parameters: Parameters<SqlEntityManager['getKysely']>): never {
    const kysely = super.getKysely(...parameters) as unknown as Kysely<unknown>;
    const registry = registryOf(this);
    return (registry ? kysely.withPlugin(new KyselyGuard(registry)) : kysely) as never;
  }
}

type Method = (this: SqlEntityManager, ...parameters: unknown[]) => Promise<unknown>;

for (const [name, check] of Object.entries(bypassChecks) as [keyof SqlEntityManager, BypassCheck][]) {
  const original = SqlEntityManager.prototype[name] as unknown as Method;
  const checked: Method = async function (...parameters) {
    const registry = registryOf(this);
    return original.apply(this, registry ? check({ em: this, registry }, parameters) : parameters);
  };
  Object.defineProperty(CountingEntityManager.prototype, name, { value: checked, writable: true, configurable: true });
}
