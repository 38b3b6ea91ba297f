import { ReferenceKind, type EntityMetadata, type EntityProperty } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { CounterError } from '../errors.js';
import { dialectOf } from '../sql/dialects/dialects.js';
import type { CounterStrategy } from './define-counter.js';
import { isSameTable } from './inheritance.js';
import { keptGroups, type CounterGroup } from './counter-group.js';
import type { CounterRegistry } from './registry.js';
import { ownerOf, tablesAbove } from './rows-of-types.js';
import { watchedColumns } from './watched-columns.js';

/** The rules that change no row: the database refuses the statement instead. */
const REFUSING_RULES: readonly string[] = ['restrict', 'no action'];

/** A foreign key of a counted table, with what the database does to its rows for the rows that they refer to. */
interface ForeignKey {
  readonly property: EntityProperty;
  /** What happens when the row that is referred to is deleted. */
  readonly deleteRule: string;
  /** What happens when that row gets another key. */
  readonly updateRule: string;
}

/**
 * Refuses foreign keys by whose rules the database would remove or change counted rows in a way that alters a count
 * (COUNTER_DECLARATION): nobody sees such writes but, on some databases, triggers. `triggered` are the groups for which
 * there are to be triggers, where that is the strategy.
 *
 * Only the foreign keys of counted tables matter. Whatever begins a chain of cascades, it ends in one of them.
 */
export function refuseForeignKeyRules(
  em: SqlEntityManager,
  { groups }: CounterRegistry,
  strategy: CounterStrategy,
  triggered: readonly CounterGroup[] = groups,
): void {
  const mayBeTriggered = ({ counted, slot }: CounterGroup): boolean =>
    triggered.some(one => one.counted === counted && one.slot === slot);
  for (const group of keptGroups(groups)) refuseLostTargets(em, group, mayBeTriggered(group) ? strategy : 'hooks');
  for (const [counted, mine] of Map.groupBy(groups, group => group.type)) {
    const keys = tablesAbove(counted).flatMap(meta => foreignKeysOf(em, meta));
    for (const key of keys) {
      refuseDeleteRule(counted, mine, key);
      refuseUpdateRule(counted, mine, key);
      if (strategy === 'triggers' && dialectOf(em).triggers.firedByForeignKeys) refuseRekeying(counted, mine, key);
    }
    for (const group of mine) {
      const { by, counters } = group;
      if (group.discriminator || keys.some(key => isBy(group, key))) continue;
      throw refusal(
        counters,
        `the relation "${by}" of ${counted.className} has no foreign key in the database (createForeignKeyConstraint or schemaGenerator.createForeignKeyConstraints is false): a target could go while rows still point at it, and a later one with its key would not count them. Let the schema have this foreign key`,
      );
    }
  }
}

/**
 * Refuses what would take targets away that the engine keeps itself (COUNTER_DECLARATION): the rules of the foreign keys
 * of their own table. Triggers would not keep them: those of the counted table do not see that a target goes.
 */
function refuseLostTargets(em: SqlEntityManager, group: CounterGroup, strategy: CounterStrategy): void {
  const { target, counters, by, primaryKey } = group;
  const problem = `no foreign key of the database keeps the targets of the relation "${by}", which leads to several entities`;
  if (strategy === 'triggers')
    throw refusal(counters, `${problem}, and triggers would not either. Count by it with hooks`);
  for (const key of foreignKeysOf(em, target)) {
    const isChanged = key.property.fieldNames.some(column => primaryKey.includes(column));
    const [rule] = [
      ...(REFUSING_RULES.includes(key.deleteRule) || (key.deleteRule !== 'cascade' && !isChanged) ? [] : ['delete']),
      ...(REFUSING_RULES.includes(key.updateRule) || !isChanged ? [] : ['update']),
    ];
    if (rule)
      throw refusal(
        counters,
        `${problem}, and by the ${rule} rule of ${described(target, key)} the database would take some away. Declare it with ${rule}Rule: 'restrict'`,
      );
  }
}

/** Returns the foreign keys that the database has on a table, with the rules that MikroORM gives them. */
function foreignKeysOf(em: SqlEntityManager, meta: EntityMetadata): ForeignKey[] {
  // With a table for each type, the others are those of the tables above.
  const relations = meta.tptParent ? meta.relations.filter(one => ownerOf(meta, one) === meta) : meta.relations;
  const defaults = em.config.get('schemaGenerator');
  if (defaults.createForeignKeyConstraints === false) return [];
  return relations
    .filter(
      ({ kind, owner, polymorphic, persist, createForeignKeyConstraint }) =>
        (kind === ReferenceKind.MANY_TO_ONE || (kind === ReferenceKind.ONE_TO_ONE && owner)) &&
        !polymorphic &&
        persist !== false &&
        createForeignKeyConstraint,
    )
    .map(property => ({
      property,
      deleteRule: (property.deleteRule ?? defaults.defaultDeleteRule ?? 'no action').toLowerCase(),
      updateRule: (property.updateRule ?? defaults.defaultUpdateRule ?? 'no action').toLowerCase(),
    }));
}

function refuseDeleteRule(counted: EntityMetadata, groups: readonly CounterGroup[], key: ForeignKey): void {
  const { deleteRule: rule } = key;
  if (REFUSING_RULES.includes(rule)) return;
  // A row that goes together with its target takes nothing along that somebody else has counted. A row that loses its
  // target, which goes, is counted nowhere.
  const lost =
    rule === 'cascade'
      ? groups.filter(group => !isBy(group, key))
      : groups.filter(group => (rule !== 'set null' && isBy(group, key)) || isWatchedBy(group, key));
  if (lost.length === 0) return;
  throw refusal(
    lost.flatMap(({ counters }) => counters),
    `${described(counted, key)} has the delete rule "${rule}": with a ${key.property.targetMeta!.className}, the database would ` +
      `${rule === 'cascade' ? `remove ${counted.className} rows` : `change what ${counted.className} rows are counted by`}, ` +
      `which hooks do not see. Declare it with deleteRule: 'restrict'`,
  );
}

function refuseUpdateRule(counted: EntityMetadata, groups: readonly CounterGroup[], key: ForeignKey): void {
  const { updateRule: rule } = key;
  if (REFUSING_RULES.includes(rule)) return;
  // A row that follows its target's key stays with its target, which keeps its count.
  const lost = groups.filter(group => (rule !== 'cascade' && isBy(group, key)) || isWatchedBy(group, key));
  if (lost.length === 0) return;
  throw refusal(
    lost.flatMap(({ counters }) => counters),
    `${described(counted, key)} has the update rule "${rule}": with the key of a ${key.property.targetMeta!.className}, the database would ` +
      `change what ${counted.className} rows are counted by, which hooks do not see. Declare it with updateRule: 'restrict'`,
  );
}

/**
 * Refuses an update rule by which rows follow their target's key, where that fires triggers: they take it for a move from
 * a target that is no longer there.
 */
function refuseRekeying(counted: EntityMetadata, groups: readonly CounterGroup[], key: ForeignKey): void {
  const group = groups.find(one => isBy(one, key));
  if (!group || REFUSING_RULES.includes(key.updateRule)) return;
  throw refusal(
    group.counters,
    `${described(counted, key)} has the update rule "${key.updateRule}": with a new key of a ${group.target.className}, triggers of this database ` +
      `would count its rows once more. Declare it with updateRule: 'restrict', or count with hooks`,
  );
}

/** Returns true for the foreign key by which a group counts. */
function isBy({ foreignKey, target }: CounterGroup, { property }: ForeignKey): boolean {
  return isSameTable(target, property.targetMeta!) && foreignKey.join() === property.fieldNames.join();
}

/** Returns true where a group's rows are counted by a column of a foreign key, other than by that foreign key as a whole. */
function isWatchedBy(group: CounterGroup, key: ForeignKey): boolean {
  const columns = watchedColumns([isBy(group, key) ? { ...group, foreignKey: [] } : group]);
  return key.property.fieldNames.some(column => columns.includes(column));
}

function described(counted: EntityMetadata, { property }: ForeignKey): string {
  return `the foreign key "${property.name}" of ${counted.className}`;
}

function refusal(counters: CounterGroup['counters'], problem: string): CounterError {
  return new CounterError(
    'COUNTER_DECLARATION',
    `${counters.map(({ name }) => name).join(' and ')} could not be kept: ${problem}.`,
  );
}
