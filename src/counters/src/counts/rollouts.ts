import type { Transaction } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { CounterGroup, ResolvedCounter } from '../declarations/counter-group.js';
import type { CounterRegistry } from '../declarations/registry.js';
import type { RolloutKind } from '../sql/dialects/dialect.js';
import { isFixed, nameIn, OWN_SCHEMA } from '../sql/schemas.js';
import { namesInUse, triggerName } from '../sql/trigger-names.js';
import type { TargetDelta } from './deltas.js';

// A counter is rolled out where processes of two releases write at once, of which one does not know it. Meanwhile it has
// triggers of its own, which count the writes of those processes whose hooks do not keep it.

/** The kinds of rollouts. */
export const rolloutKinds = ['filling', 'rolling', 'leaving'] as const satisfies readonly RolloutKind[];

/** Some counters of some groups. */
export type SomeCounters = ReadonlyMap<CounterGroup, ReadonlySet<ResolvedCounter>>;

/** Returns the beginning of the names of all triggers for a kind of rollout. */
export function rolloutPrefix(kind: RolloutKind): string {
  return `${kind}_counter_`;
}

/** Returns the name of a counter's trigger for a rollout and an event, without a schema. */
export function rolloutTriggerName(
  em: SqlEntityManager,
  kind: RolloutKind,
  { type, foreignKey }: CounterGroup,
  { column }: ResolvedCounter,
  event: string,
): string {
  const prefix = rolloutPrefix(kind);
  return triggerName(em, [`${prefix}${type.tableName}`, ...foreignKey, column, ...event.split(' ')]);
}

/**
 * Returns the id by which a session says that its hooks keep a counter: the column that stores it, and nothing else, so
 * that all releases of the engine and of the application give it the same one.
 */
export function counterId({ target }: CounterGroup, { column }: ResolvedCounter): string {
  const table = nameIn(isFixed(target) ? target.schema! : OWN_SCHEMA, target.tableName);
  return encodeURIComponent(`${table}.${column}`).replaceAll("'", '%27');
}

/** Returns the ids of all counters that an ORM keeps. */
export function counterIds({ groups }: CounterRegistry): string[] {
  return groups.flatMap(group => group.counters.map(counter => counterId(group, counter)));
}

/** Returns deltas without what they add to some counters. */
export function withoutCounters<Delta extends TargetDelta>(
  deltas: readonly Delta[],
  some: SomeCounters,
): readonly Delta[] {
  if (some.size === 0) return deltas;
  return deltas
    .map(delta => {
      const left = some.get(delta.group);
      const { counters } = delta.group;
      return left
        ? { ...delta, amounts: delta.amounts.map((amount, index) => (left.has(counters[index]!) ? 0n : amount)) }
        : delta;
    })
    .filter(({ amounts }) => amounts.some(amount => amount !== 0n));
}

/** Returns the names of the triggers that count new rows for a counter in each kind of rollout. */
export function countingTriggers(em: SqlEntityManager, group: CounterGroup, counter: ResolvedCounter): string[] {
  const known =
    names.get(counter) ?? rolloutKinds.map(kind => rolloutTriggerName(em, kind, group, counter, 'after insert'));
  names.set(counter, known);
  return known;
}

const names = new WeakMap<ResolvedCounter, string[]>();

/** Returns the counters of a group that are being filled. */
export async function fillingCounters(
  em: SqlEntityManager,
  transaction: Transaction,
  group: CounterGroup,
): Promise<ReadonlySet<ResolvedCounter>> {
  const nameOf = (counter: ResolvedCounter): string =>
    rolloutTriggerName(em, 'filling', group, counter, 'after insert');
  const { countedSchema = OWN_SCHEMA, type, counters } = group;
  const used = await namesInUse(em, transaction, countedSchema, [type.tableName], counters.map(nameOf), false);
  return new Set(counters.filter(counter => used.has(nameOf(counter))));
}
