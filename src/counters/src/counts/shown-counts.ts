import { helper, type Transaction } from '@mikro-orm/core';

/** A count that an entity shows since a change in a transaction, and what it showed before. */
interface Shown {
  readonly place: number;
  readonly entity: Record<string, unknown>;
  readonly property: string;
  readonly before: unknown;
  readonly after: number;
}

const shown = new WeakMap<Transaction, Shown[]>();
let places = 0;

/** Lets an entity show a stored count as if it had been loaded so, which does not make it dirty. */
export function show(transaction: Transaction, entity: object, property: string, count: number): void {
  noteShown(transaction, entity, property, count);
  put(entity, property, count);
}

/** Notes that an entity is about to show a count, so that hideCounts() can take it back. */
export function noteShown(transaction: Transaction, entity: object, property: string, after: number): void {
  const record = entity as Record<string, unknown>;
  const before = record[property];
  const list = shown.get(transaction) ?? [];
  if (before !== after) list.push({ place: places++, entity: record, property, before, after });
  shown.set(transaction, list);
}

/** Lets the entities show again what they did before some transactions and savepoints, which were rolled back. */
export function hideCounts(transactions: readonly Transaction[]): void {
  const all = transactions.flatMap(transaction => shown.get(transaction) ?? []).toSorted((a, b) => b.place - a.place);
  for (const transaction of transactions) shown.delete(transaction);
  // What has been loaded again meanwhile stays.
  for (const { entity, property, before, after } of all) if (entity[property] === after) put(entity, property, before);
}

function put(entity: object, property: string, value: unknown): void {
  const { __originalEntityData: original, __loadedProperties: loaded } = helper(entity);
  (entity as Record<string, unknown>)[property] = value;
  if (value === undefined) {
    delete (original as Record<string, unknown> | undefined)?.[property];
    loaded.delete(property);
    return;
  }
  if (original) (original as Record<string, unknown>)[property] = value;
  loaded.add(property);
}
