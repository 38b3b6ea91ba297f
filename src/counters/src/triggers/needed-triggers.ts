import type { EntityMetadata } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { counterId, rolloutTriggerName, type SomeCounters } from '../counts/rollouts.js';
import type { CounterGroup, ResolvedCounter } from '../declarations/counter-group.js';
import { requireRegistry } from '../declarations/registry.js';
import { groupsOf, type LocatedGroup } from '../declarations/schemas.js';
import type { FoundTrigger, RolloutKind, TriggerBody } from '../sql/dialects/dialect.js';
import { dialectOf } from '../sql/dialects/dialects.js';
import { quoted } from '../sql/fragments.js';
import { nameIn } from '../sql/schemas.js';
import { nameBeginnings, triggerName } from '../sql/trigger-names.js';
import { partsOf } from './trigger-parts.js';

/** A trigger whose name and table have their schema before them, where that is not the connection's own. */
export interface LocatedTrigger extends FoundTrigger {
  readonly schema: string;
  /** The same trigger as it is named within its schema. */
  readonly local: FoundTrigger;
}

/** A trigger that the declared counters need. */
export interface NeededTrigger extends LocatedTrigger {
  /** The statements that create it. */
  readonly create: readonly string[];
}

/** The beginning of the name of every trigger that keeps a counter. */
const TRIGGER_PREFIX = 'counters_';

/**
 * Returns the triggers that declared counters need, without some counters: those of some groups, and where there is a
 * guard, that of their targets.
 */
export function neededTriggers(
  em: SqlEntityManager,
  without: SomeCounters,
  guarded: boolean,
  groups = groupsOf(em, requireRegistry(em)),
): NeededTrigger[] {
  const counting = groups.flatMap(group => {
    const counters = group.counters.filter(counter => !without.get(group)?.has(counter));
    if (counters.length === 0) return [];
    const bodies = dialectOf(em).triggers.bodies(partsOf({ ...group, counters }, em, { guarded }));
    return triggersOf(em, group.countedSchema, group.type, bodies, event => plainTriggerName(em, group, event));
  });
  return guarded ? [...counting, ...guardTriggers(em, without, groups)] : counting;
}

/** Returns the triggers that guard the targets of some groups, with all stored counts that these have. */
function guardTriggers(em: SqlEntityManager, without: SomeCounters, groups: readonly LocatedGroup[]): NeededTrigger[] {
  const chosen = new Set(groups.map(targetTable));
  const all = groupsOf(em, requireRegistry(em)).filter(group => chosen.has(targetTable(group)));
  return [...Map.groupBy(all, targetTable).values()].flatMap(into => {
    const columns = into.flatMap(group =>
      group.counters.filter(counter => !without.get(group)?.has(counter)).map(({ column }) => quoted(em, column)),
    );
    const bodies = columns.length === 0 ? [] : dialectOf(em).triggers.guard!.bodies([...new Set(columns)].toSorted());
    const { target, targetSchema } = into[0]!;
    return triggersOf(em, targetSchema, target, bodies, event =>
      triggerName(em, [`${guardPrefix(into)}${target.tableName}`, ...event.split(' ')]),
    );
  });
}

/**
 * Returns the beginning of the name of a guard of targets into which some groups count. It is also that of a trigger that
 * counts: versions of the engine that know no guard take it for somebody else's then, and change no trigger beside it.
 */
function guardPrefix(into: readonly LocatedGroup[]): string {
  const [first] = into.map(({ type }) => type.tableName).toSorted();
  return `${countingPrefix(first!)}guard_`;
}

function countingPrefix(counted: string): string {
  return `${TRIGGER_PREFIX}${counted}_`;
}

/** Returns the plain beginnings of the names of the triggers that keep some groups or guard their targets. */
export function namePrefixes(em: SqlEntityManager, groups: readonly LocatedGroup[]): string[] {
  return groups.flatMap(group => [
    ...nameBeginnings(em, countingPrefix(group.type.tableName)).map(name => nameIn(group.countedSchema, name)),
    ...nameBeginnings(em, guardPrefix([group])).map(name => nameIn(group.targetSchema, name)),
  ]);
}

/** Returns the triggers that a counter needs for a rollout. */
export function rolloutTriggers(
  em: SqlEntityManager,
  kind: RolloutKind,
  group: LocatedGroup,
  counter: ResolvedCounter,
): NeededTrigger[] {
  const rollout = { kind, id: counterId(group, counter) };
  // A guard leaves the counters of rollouts out.
  const bodies = dialectOf(em).triggers.bodies(partsOf({ ...group, counters: [counter] }, em, { rollout }));
  return triggersOf(em, group.countedSchema, group.type, bodies, event =>
    rolloutTriggerName(em, kind, group, counter, event),
  );
}

function triggersOf(
  em: SqlEntityManager,
  schema: string,
  { tableName }: EntityMetadata,
  bodies: readonly TriggerBody[],
  nameOf: (event: string) => string,
): NeededTrigger[] {
  return bodies.map(([event, body]) => {
    const local = { name: nameOf(event), table: tableName, event, body };
    return { ...locatedTrigger(schema, local), create: dialectOf(em).triggers.create(em, schema, local) };
  });
}

/** Returns a trigger with its schema before its names. */
export function locatedTrigger(schema: string, local: FoundTrigger): LocatedTrigger {
  return { ...local, name: nameIn(schema, local.name), table: nameIn(schema, local.table), schema, local };
}

/** Returns the plain name of the table whose rows a group counts. */
export function countedTable({ countedSchema, type }: LocatedGroup): string {
  return nameIn(countedSchema, type.tableName);
}

/** Returns the plain name of the table of a group's targets. */
export function targetTable({ targetSchema, target }: LocatedGroup): string {
  return nameIn(targetSchema, target.tableName);
}

/** Returns the name of a group's trigger for an event, without a schema. */
export function plainTriggerName(em: SqlEntityManager, group: CounterGroup, event: string): string {
  const { type, foreignKey, target } = group;
  // By one foreign key, rows may be counted into several tables of their target.
  const into = target.tptParent ? [target.tableName] : [];
  return triggerName(em, [`${TRIGGER_PREFIX}${type.tableName}`, ...foreignKey, ...into, ...event.split(' ')]);
}
