import type { SqlEntityManager } from '@mikro-orm/sql';
import { rolloutKinds, type SomeCounters } from '../counts/rollouts.js';
import { refuseForeignKeyRules } from '../declarations/foreign-key-rules.js';
import type { CounterGroup, ResolvedCounter } from '../declarations/counter-group.js';
import { requireRegistry } from '../declarations/registry.js';
import { groupsOf, type LocatedGroup } from '../declarations/schemas.js';
import type { FoundTrigger, RolloutKind } from '../sql/dialects/dialect.js';
import { neededTriggers, rolloutTriggers, type NeededTrigger } from './needed-triggers.js';
import {
  countersOf,
  dropStatements,
  foundTriggers,
  isGuarded,
  isOurs,
  isSame,
  namesOf,
  refuseForeign,
  refuseWithoutTriggers,
  type FoundTriggers,
} from './triggers.js';

/** A declared counter and its triggers for a rollout. */
export interface CounterRollout {
  readonly group: LocatedGroup;
  readonly counter: ResolvedCounter;
  /** The rollout of which the counter has all triggers; `incomplete`: it has others; null: it has none. */
  readonly state: RolloutKind | 'incomplete' | null;
  /** The names of its triggers for a rollout. */
  readonly triggers: readonly string[];
}

/** Returns the rollouts of all declared counters. */
export async function rollouts(em: SqlEntityManager): Promise<CounterRollout[]> {
  const { rollout: found } = await foundTriggers(em);
  return groupsOf(em, requireRegistry(em)).flatMap(group =>
    group.counters.map(counter => rolloutOf(em, found, group, counter)),
  );
}

/** Returns what has to be done about a rollout that is not complete. */
export function rolloutAdvice({ counter: { name }, state, triggers }: CounterRollout): string {
  const problem =
    state === 'filling'
      ? `${name} is being added to the database, and its rows are not all counted yet`
      : `${name} is being added to the database or removed from it, and its triggers are not all there, or not those of its declaration: there are ${triggers.join(', ')}`;
  return `${problem}. Run counterMigration(em, '${name}').run() to its end, which goes on where it was interrupted, or .undo() to remove the counter. A changed condition needs a new column.`;
}

/**
 * Returns the statements that give some counters their triggers for a rollout; null: none. Where the regular triggers
 * keep these counters too, or have to do so when the rollout is over, they are changed such that each is kept once.
 * `undeclared`: the counters are to be kept no longer.
 *
 * Errors: COUNTER_STRATEGY and COUNTER_DECLARATION as those of installTriggers().
 */
export async function rolloutStatements(
  em: SqlEntityManager,
  chosen: readonly CounterRollout[],
  kind: RolloutKind | null,
  undeclared = false,
): Promise<string[]> {
  const registry = requireRegistry(em);
  const groups = [...new Set(chosen.map(({ group }) => group))];
  if (kind !== null) {
    refuseWithoutTriggers(
      em,
      chosen.map(({ group, counter }) => ({ ...group, counters: [counter] })),
    );
    refuseForeignKeyRules(em, registry, 'triggers', groups);
  }
  const found = await foundTriggers(em);
  const wanted = kind === null ? [] : chosen.flatMap(({ group, counter }) => rolloutTriggers(em, kind, group, counter));
  const mine = new Set(
    chosen.flatMap(({ group, counter }) =>
      rolloutKinds.flatMap(one => rolloutTriggers(em, one, group, counter).map(({ name }) => name)),
    ),
  );
  const isOver = kind === null && !undeclared;
  const inRollout = countersOf(em, found.rollout);
  const guarded = isGuarded(em, found);
  const [before, after] = [isOver, !isOver].map(left => {
    const without = withChosen(inRollout, chosen, left);
    return neededTriggers(em, without, guarded, groups);
  }) as [NeededTrigger[], NeededTrigger[]];
  const regular = [...new Set([...before, ...after].map(({ name }) => name))];
  const installs = regular.some(name => found.regular.has(name)) || (isOver && registry.strategy === 'triggers');
  // What else somebody has there is left alone, unless it has to keep these counters from now on.
  const isChanged = (name: string): boolean =>
    installs &&
    (isOver ||
      !found.regular.has(name) ||
      before.some(one => one.name === name && isSame(found.regular.get(name), one)));
  const changed = regular.filter(isChanged);
  const needed = [...wanted, ...after.filter(({ name }) => changed.includes(name))];
  const existing = [...mine, ...changed].flatMap(name => found.rollout.get(name) ?? found.regular.get(name) ?? []);
  refuseForeign(namesOf(existing.filter(trigger => !isOurs(em, trigger))));
  const isRight = ({ name }: FoundTrigger): boolean =>
    needed.some(
      one =>
        one.name === name &&
        isSame(
          existing.find(trigger => trigger.name === name),
          one,
        ),
    );
  const [drops, creates] = [existing, needed].map(some => some.filter(trigger => !isRight(trigger)));
  return [...dropStatements(em, drops!), ...(creates as NeededTrigger[]).flatMap(({ create }) => create)];
}

function rolloutOf(
  em: SqlEntityManager,
  found: FoundTriggers['rollout'],
  group: LocatedGroup,
  counter: ResolvedCounter,
): CounterRollout {
  const kinds = rolloutKinds.map(kind => {
    const needed = found.size === 0 ? [] : rolloutTriggers(em, kind, group, counter);
    const existing = needed.filter(({ name }) => found.has(name)).map(({ name }) => name);
    return { kind, existing, isWhole: needed.every(one => isSame(found.get(one.name), one)) };
  });
  const there = kinds.filter(({ existing }) => existing.length > 0);
  const state = there.length === 0 ? null : there.length === 1 && there[0]!.isWhole ? there[0]!.kind : 'incomplete';
  return { group, counter, state, triggers: there.flatMap(({ existing }) => existing) };
}

/** Returns some counters with the chosen ones, or without them. */
function withChosen(some: SomeCounters, chosen: readonly CounterRollout[], include: boolean): SomeCounters {
  const all = new Map<CounterGroup, Set<ResolvedCounter>>(
    [...some].map(([group, counters]) => [group, new Set(counters)]),
  );
  for (const { group, counter } of chosen) {
    const its = all.get(group) ?? new Set<ResolvedCounter>();
    all.set(group, its);
    if (include) its.add(counter);
    else its.delete(counter);
  }
  return all;
}
