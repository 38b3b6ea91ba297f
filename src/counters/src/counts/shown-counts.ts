import { helper, type Transaction } from '@mikro-orm/core';
import { writtenValue } from '../declarations/amounts.js';
import type { ResolvedCounter } from '../declarations/counter-group.js';
import type { CountValue } from '../sql/units.js';
import { countOf, setCount } from './count-on-entity.js';

/** A count that an entity shows since a change in a transaction, and what it showed before. */
interface Shown {
  readonly place: number;
  readonly entity: object;
  readonly counter: ResolvedCounter;
  readonly before: unknown;
  readonly after: CountValue;
}

const shown = new WeakMap<Transaction, Shown[]>();
let places = 0;

/** Lets an entity show a stored count as if it had been loaded so, which does not make it dirty. */
export function show(transaction: Transaction, entity: object, counter: ResolvedCounter, count: CountValue): void {
  noteShown(transaction, entity, counter, count);
  put(entity, counter, count);
}

/** Notes that an entity is about to show a count, so that hideCounts() can take it back. */
export function noteShown(transaction: Transaction, entity: object, counter: ResolvedCounter, after: CountValue): void {
  const before = countOf(entity, counter);
  const list = shown.get(transaction) ?? [];
  if (before !== after) list.push({ place: places++, entity, counter, before, after });
  shown.set(transaction, list);
}

/** Lets the entities show again what they did before some transactions and savepoints, which were rolled back. */
export function hideCounts(transactions: readonly Transaction[]): void {
  const all = transactions.flatMap(transaction => shown.get(transaction) ?? []).toSorted((a, b) => b.place - a.place);
  for (const transaction of transactions) shown.delete(transaction);
  // What has been loaded again meanwhile stays.
  for (const { entity, counter, before, after } of all)
    if (countOf(entity, counter) === after) put(entity, counter, before);
}

function put(entity: object, counter: ResolvedCounter, value: unknown): void {
  const { property } = counter;
  const { __originalEntityData: original, __loadedProperties: loaded } = helper(entity);
  setCount(entity, counter, value);
  if (value === undefined) {
    delete (original as Record<string, unknown> | undefined)?.[property];
    loaded.delete(property);
    return;
  }
  if (original) (original as Record<string, unknown>)[property] = writtenValue(counter, value);
  loaded.add(property);
}
