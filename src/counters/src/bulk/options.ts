import type { DeleteOptions, NativeInsertUpdateOptions, UpdateOptions } from '@mikro-orm/core';
import { CounterError } from '../errors.js';

/** The options of em.insertMany(), without those that MikroORM itself sets or has for other methods. */
export type InsertManyOptions<Entity extends object> = Omit<NativeInsertUpdateOptions<Entity>, 'upsert' | 'em'>;

/** The options of em.nativeUpdate(). */
export type UpdateWhereOptions<Entity extends object> = UpdateOptions<Entity>;

/** The options of em.nativeDelete(), without those that MikroORM itself sets. */
export type DeleteWhereOptions<Entity extends object> = Omit<DeleteOptions<Entity>, 'em'>;

// Each list has to name every option of its type, so that a new one of MikroORM does not go unnoticed.

const common: Record<
  keyof UpdateWhereOptions<object> & keyof DeleteWhereOptions<object> & keyof InsertManyOptions<object>,
  true
> = {
  ctx: true,
  schema: true,
  filters: true,
  unionWhere: true,
  unionWhereStrategy: true,
  logging: true,
  loggerContext: true,
  signal: true,
  inflightQueryAbortStrategy: true,
};

/** The options that each bulk write takes. */
const taken = {
  insertMany: { ...common, convertCustomTypes: true } satisfies Record<keyof InsertManyOptions<object>, true>,
  updateWhere: common satisfies Record<keyof UpdateWhereOptions<object>, true>,
  deleteWhere: common satisfies Record<keyof DeleteWhereOptions<object>, true>,
};

/** A bulk write, by the name of its function. */
export type BulkMethod = keyof typeof taken;

/** Refuses an option that a bulk write would not follow (COUNTER_DECLARATION). */
export function refuseOptions(method: BulkMethod, options: object): void {
  const known: object = taken[method];
  const option = Object.entries(options).find(([name, value]) => value !== undefined && !Object.hasOwn(known, name));
  if (!option) return;
  throw new CounterError(
    'COUNTER_DECLARATION',
    `${method}() does not take the option "${option[0]}". Leave it out; it takes ${Object.keys(known).join(', ')}.`,
  );
}
