import { LockMode, type EntityClass, type FilterQuery } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Outcome } from './outcome.js';
import type { AfterLostCommit } from '../transactions/transactions.js';

/** After a commit whose outcome is unknown: it succeeded if the row that the use case made exists. */
export function committedIfExists<Value, Entity extends object>(
  entity: EntityClass<Entity>,
  row: (value: Value) => FilterQuery<Entity>,
): AfterLostCommit<Outcome<Value>> {
  return async (em, { value }) => value !== null && (await exists(em, entity, row(value)));
}

/** After a commit whose outcome is unknown: it succeeded if the row that the use case deleted does not exist. */
export function committedIfGone<Value, Entity extends object>(
  entity: EntityClass<Entity>,
  row: (value: Value) => FilterQuery<Entity>,
): AfterLostCommit<Outcome<Value>> {
  return async (em, { value }) => value !== null && !(await exists(em, entity, row(value)));
}

/** Looks for a row with a lock, which waits for a commit that is still under way. */
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
