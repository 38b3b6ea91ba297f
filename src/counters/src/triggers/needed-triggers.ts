import type { SqlEntityManager } from '@mikro-orm/sql';
import { counterId, rolloutTriggerName, type SomeCounters } from '../counts/rollouts.js';
import type { CounterGroup, ResolvedCounter } from '../declarations/counter-group.js';
import { requireRegistry } from '../declarations/registry.js';
import { groupsOf, type LocatedGroup } from '../declarations/schemas.js';
import type { FoundTrigger, RolloutKind, TriggerParts } from '../sql/dialects/dialect.js';
import { dialectOf } from '../sql/dialects/dialects.js';
import { nameIn } from '../sql/schemas.js';
import { triggerName } from '../sql/trigger-names.js';
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
export const TRIGGER_PREFIX = 'counters_';

/** Returns the triggers that the declared counters need, without some counters. */
export function neededTriggers(
  em: SqlEntityManager,
  without: SomeCounters,
  groups = groupsOf(em, requireRegistry(em)),
): NeededTrigger[] {
  return groups.flatMap(group => {
    const counters = group.counters.filter(counter => !without.get(group)?.has(counter));
    if (counters.length === 0) return [];
    const parts = partsOf({ ...group, counters }, em);
    return triggersOf(em, group, parts, event => plainTriggerName(em, group, event));
  });
}

/** Returns the triggers that a counter needs for a rollout. */
export function rolloutTriggers(
  em: SqlEntityManager,
  kind: RolloutKind,
  group: LocatedGroup,
  counter: ResolvedCounter,
): NeededTrigger[] {
  const parts = partsOf({ ...group, counters: [counter] }, em, { kind, id: counterId(group, counter) });
  return triggersOf(em, group, parts, event => rolloutTriggerName(em, kind, group, counter, event));
}

function triggersOf(
  em: SqlEntityManager,
  { countedSchema: schema, counted }: LocatedGroup,
  parts: TriggerParts,
  nameOf: (event: string) => string,
): NeededTrigger[] {
  const { triggers } = dialectOf(em);
  return triggers.bodies(parts).map(([event, body]) => {
    const local = { name: nameOf(event), table: counted.tableName, event, body };
    return { ...locatedTrigger(schema, local), create: triggers.create(em, schema, local) };
  });
}

/** Returns a trigger with its schema before its names. */
export function locatedTrigger(schema: string, local: FoundTrigger): LocatedTrigger {
  return { ...local, name: nameIn(schema, local.name), table: nameIn(schema, local.table), schema, local };
}

/** Returns the plain name of the table whose rows a group counts. */
export function countedTable({ countedSchema, counted }: LocatedGroup): string {
  return nameIn(countedSchema, counted.tableName);
}

/** Returns the name of a group's trigger for an event, without a schema. */
export function plainTriggerName(em: SqlEntityManager, { counted, foreignKey }: CounterGroup, event: string): string {
  return triggerName(em, [`${TRIGGER_PREFIX}${counted.tableName}`, ...foreignKey, ...event.split(' ')]);
}
