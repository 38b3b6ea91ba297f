import type { EntityMetadata, EntityProperty } from '@mikro-orm/core';
import type { Amount } from './amounts.js';
import type { Condition } from './condition.js';
import type { Discriminator } from './discriminator.js';
import { kept } from './kept.js';

/** A property of a target that changes whenever some of its stored counts do. */
export interface Touch {
  readonly property: string;
  /** Where an entity has the property: its name, or the way to it through embedded objects. */
  readonly path: readonly string[];
  readonly column: string;
  readonly kind: 'date' | 'number';
  /** True for the version by which MikroORM finds out that somebody else has changed the row. */
  readonly isVersion: boolean;
  /** The digits of a second that a date has: those of its column, or of JavaScript. */
  readonly digits: number;
  /** The database's present time as the column has it; empty for a number. */
  readonly now: string;
}

/** A counter with what it means in the mapped tables. */
export interface ResolvedCounter {
  /** The counter's name for people: `Course.totalEnrollments`. */
  readonly name: string;
  readonly property: string;
  /** Where an entity has the property: its name, or the way to it through embedded objects. */
  readonly path: readonly string[];
  readonly column: string;
  readonly condition: Condition;
  /** What a row that meets the condition adds. */
  readonly amount: Amount;
  /** What else changes in a target whose stored count changes. */
  readonly touches: readonly Touch[];
  /** The counter whose stored count is summed; undefined: rows are counted by themselves. */
  through?: ResolvedCounter;
}

/** Returns the groups of some whose targets no foreign key of the database keeps, so that the engine does. */
export function keptGroups<Group extends CounterGroup>(groups: readonly Group[]): readonly Group[] {
  return kept(keptOf, groups, () => groups.filter(({ discriminator }) => discriminator !== undefined)) as Group[];
}

const keptOf = new WeakMap<readonly CounterGroup[], readonly CounterGroup[]>();

/** The counters that share counted rows and foreign key, so that one UPDATE changes all of a target row. */
export interface CounterGroup {
  /** The place of the target table among all: every transaction locks the tables in this order. */
  readonly order: number;
  /** How many levels of sums lead to the target table: 0 where none sums a stored count. */
  readonly level: number;
  /** The entity that stands for the table with the keys of the counted rows. */
  readonly counted: EntityMetadata;
  /** The entity whose table has the counted rows: another one only where each type has a table. */
  readonly type: EntityMetadata;
  /** Under which name is read whether a row is of the type, where its foreign key does not show it. */
  readonly typeMark?: string;
  readonly by: string;
  /** The group's name among those that count the same rows. */
  readonly slot: string;
  readonly foreignKey: readonly string[];
  /** What else says whose key it is, where the relation leads to several entities; no foreign key of the database does. */
  readonly discriminator: Discriminator | undefined;
  readonly target: EntityMetadata;
  /** The columns of the target to which the foreign key refers: those of its primary key, or a unique one. */
  readonly targetKey: readonly string[];
  readonly targetParts: readonly KeyPart[];
  /** The target's primary key. */
  readonly primaryKey: readonly string[];
  readonly primaryParts: readonly KeyPart[];
  /** The target's property with the unique column to which the foreign key refers; undefined: its primary key. */
  readonly uniqueKey: string | undefined;
  /**
   * True where an entity has the foreign key as the database has it: numbers and texts, in columns that no other
   * property has.
   */
  readonly isKnownToMemory: boolean;
  readonly counters: readonly ResolvedCounter[];
  /** The schema of the counted rows, where it is known. */
  readonly countedSchema?: string;
  /** The schema of their targets, where it is known. */
  readonly targetSchema?: string;
}

/**
 * A column of a target's key with the property that it belongs to, at the end of the relations of which the key may
 * consist.
 */
export interface KeyPart {
  readonly meta: EntityMetadata;
  readonly property: EntityProperty;
  /** What memory and the database have alike: whole numbers, texts up to a collation; anything else may differ in form. */
  readonly kind: 'whole' | 'text' | 'other';
}
