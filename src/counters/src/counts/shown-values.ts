import { helper, type Transaction } from '@mikro-orm/core';
import { setValue, valueOn, type Placed } from './value-on-entity.js';

/** A value that an entity shows since a change in a transaction, and what it showed before. */
interface Shown {
  readonly place: number;
  readonly entity: object;
  readonly placed: Placed;
  readonly written: Written | undefined;
  readonly before: unknown;
  readonly after: unknown;
}

/** Returns a value as an entity's snapshot has it; undefined: the snapshot does not have the property. */
type Written = (value: unknown) => unknown;

const shown = new WeakMap<Transaction, Shown[]>();
let places = 0;

/** Lets an entity show a value as if it had been loaded so, which does not make it dirty. */
export function show(
  transaction: Transaction,
  entity: object,
  placed: Placed,
  value: unknown,
  written: Written | undefined,
): void {
  noteShown(transaction, entity, placed, value, written);
  put(entity, placed, value, written);
}

/** Notes that an entity is about to show a value, so that hideValues() can take it back. */
export function noteShown(
  transaction: Transaction,
  entity: object,
  placed: Placed,
  after: unknown,
  written: Written | undefined,
): void {
  const before = valueOn(entity, placed);
  const list = shown.get(transaction) ?? [];
  if (before !== after) list.push({ place: places++, entity, placed, written, before, after });
  shown.set(transaction, list);
}

/** Lets the entities show again what they did before some transactions and savepoints, which were rolled back. */
export function hideValues(transactions: readonly Transaction[]): void {
  const all = transactions.flatMap(transaction => shown.get(transaction) ?? []).toSorted((a, b) => b.place - a.place);
  for (const transaction of transactions) shown.delete(transaction);
  // What has been loaded again meanwhile stays.
  for (const { entity, placed, written, before, after } of all)
    if (valueOn(entity, placed) === after) put(entity, placed, before, written);
}

function put(entity: object, placed: Placed, value: unknown, written: Written | undefined): void {
  const { property } = placed;
  const { __originalEntityData: original, __loadedProperties: loaded } = helper(entity);
  setValue(entity, placed, value);
  if (value === undefined) {
    delete (original as Record<string, unknown> | undefined)?.[property];
    loaded.delete(property);
    return;
  }
  if (original && written) (original as Record<string, unknown>)[property] = written(value);
  loaded.add(property);
}
