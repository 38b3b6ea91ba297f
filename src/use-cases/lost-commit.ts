import { LockMode, type EntityClass, type FilterQuery } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Outcome } from './outcome.js';
import type { AfterLostCommit } from '../transactions/transactions.js';

/**
 * Finds out after a lost commit whether the row that the use case made is there; where it did nothing, it does it
 * again.
 */
export function whereThereIs<Value, Entity extends object>(
  entity: EntityClass<Entity>,
  row: (value: Value) => FilterQuery<Entity>,
): AfterLostCommit<Outcome<Value>> {
  return async (em, { value }) => value !== null && (await exists(em, entity, row(value)));
}

/** Finds out after a lost commit whether the row that the use case deleted is gone. */
export function whereThereIsNo<Value, Entity extends object>(
  entity: EntityClass<Entity>,
  row: (value: Value) => FilterQuery<Entity>,
): AfterLostCommit<Outcome<Value>> {
  return async (em, { value }) => value !== null && !(await exists(em, entity, row(value)));
}

/** Looks with a lock, which a commit that is still under way makes wait until it has come to its end. */
async function exists<Entity extends object>(
  em: SqlEntityManager,
  entity: EntityClass<Entity>,
  row: FilterQuery<Entity>,
): Promise<boolean> {
  const builder = em.createQueryBuilder(entity as EntityClass<object>, 'row');
  const found: unknown = await builder
    .select(['id'] as never)
    .where(row as never)
    .setLockMode(LockMode.PESSIMISTIC_READ)
    .execute('get');
  return found !== null && found !== undefined;
}
