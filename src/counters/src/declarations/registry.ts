import { ReferenceKind, type EntityMetadata, type EntityProperty, type MetadataStorage } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { CounterError } from '../errors.js';
import { OWN_SCHEMA } from '../sql/schemas.js';
import { amountFor, type Amount } from './amounts.js';
import { conditionOf, type Condition, type Test } from './condition.js';
import { levelsOf, summedBy } from './sums-of-counts.js';
import { refuseUnknownOptions, type Counter, type CounterStrategy } from './define-counter.js';
import { entityOfTable, isSameTable, otherColumn, typeSchemaProblem } from './inheritance.js';
import { entityProblem, NO_RELATION, propertyProblem } from './mapping-options.js';

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
  /** The counter whose stored count is summed; undefined: rows are counted by themselves. */
  through?: ResolvedCounter;
}

/** The counters that share counted rows and foreign key, so that one UPDATE changes all of a target row. */
export interface CounterGroup {
  /** The place of the target table among all: every transaction locks the tables in this order. */
  readonly order: number;
  /** How many levels of sums lead to the target table: 0 where none sums a stored count. */
  readonly level: number;
  readonly counted: EntityMetadata;
  readonly by: string;
  readonly foreignKey: readonly string[];
  readonly target: EntityMetadata;
  readonly targetKey: readonly string[];
  readonly targetParts: readonly KeyPart[];
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

/** The counters by their entities, as counted rows or as target; made once from the declarations and the metadata. */
export class CounterRegistry {
  readonly groups: readonly CounterGroup[];
  /** True where a counter sums another one. */
  readonly hasLevels: boolean;
  readonly #countedBy = new WeakMap<object, readonly CounterGroup[]>();
  readonly #countersOn = new WeakMap<object, readonly ResolvedCounter[]>();
  /** The number of entities that were examined. */
  readonly #entities: number;

  constructor(
    declarations: readonly Counter[],
    em: SqlEntityManager,
    readonly strategy: CounterStrategy,
  ) {
    this.#entities = em.getMetadata().getAll().size;
    const groups = new Map<string, CounterGroup & { counters: ResolvedCounter[] }>();
    const resolvedOf = new Map<Counter, ResolvedCounter>();
    const sums = new Map<ResolvedCounter, Counter>();
    for (const counter of declarations) {
      refuseUnknownOptions(counter);
      const summed = summedBy(counter, declarations, em.getMetadata());
      const resolved = groupOf(summed?.declaration ?? counter, em);
      const [made] = resolved.counters as [ResolvedCounter];
      resolvedOf.set(counter, made);
      if (summed) sums.set(made, summed.of);
      const key = `${resolved.counted.uniqueName} ${resolved.by}`;
      const group = groups.get(key);
      if (!group) groups.set(key, resolved);
      else group.counters.push(...resolved.counters);
    }
    refuseSharedForeignKeys([...groups.values()]);
    for (const [counter, of] of sums) counter.through = resolvedOf.get(of)!;
    this.hasLevels = sums.size > 0;
    const levels = levelsOf([...groups.values()]);
    // What a sum is made of is locked before the sum.
    const tables = [...levels].toSorted(([a, x], [b, y]) => x - y || (a < b ? -1 : 1)).map(([table]) => table);
    this.groups = [...groups.values()]
      .map(group => ({
        ...group,
        order: tables.indexOf(group.target.tableName),
        level: levels.get(group.target.tableName)!,
      }))
      .toSorted((a, b) => a.order - b.order);
    for (const { target } of this.groups) refuseUnlikeShares(this.storedOn(target));
    this.#refuseStoredCountsAsInput();
  }

  /**
   * Refuses conditions on a stored count, and sums of one (COUNTER_DECLARATION): the engine changes it without counting
   * its row again.
   */
  #refuseStoredCountsAsInput(): void {
    for (const { counted, by, counters } of this.groups) {
      const stored = this.countersOn(counted).map(({ column }) => column);
      for (const { property, condition, amount, through } of counters) {
        const column = condition.tests.flatMap(({ columns }) => columns).find(one => stored.includes(one));
        if (column)
          throw new CounterError(
            'COUNTER_DECLARATION',
            `The condition of the counter ${counted.className}.${by} → ${property} asks for ${column}, which is a stored count itself; ask for something that the application writes.`,
          );
        const shares = this.storedOn(counted).flatMap(group =>
          group.counters.filter(one => one.column === through?.column),
        );
        if (shares.length > 1)
          throw new CounterError(
            'COUNTER_DECLARATION',
            `The counter ${counted.className}.${by} → ${property} sums ${through!.name}, which several counters share; give each a column of its own.`,
          );
        if (through && !firstOf(through).amount.of && amount.into.scale > 0)
          throw new CounterError(
            'COUNTER_DECLARATION',
            `The counter ${counted.className}.${by} → ${property} has ${amount.into.scale} decimals, and a count has none; give it the type "integer".`,
          );
        if (!through && amount.of && stored.includes(amount.of.column))
          throw new CounterError(
            'COUNTER_DECLARATION',
            `The counter ${counted.className}.${by} → ${property} sums ${amount.of.column}, which is a stored count itself; to count through two relations, give them to "by", as in "thread.board".`,
          );
      }
    }
  }

  /** Returns true unless entities were discovered since. */
  isOf(metadata: MetadataStorage): boolean {
    return (
      metadata.getAll().size === this.#entities &&
      this.groups.every(({ counted, target }) => [counted, target].every(meta => metadata.find(meta.class) === meta))
    );
  }

  /**
   * Returns the groups whose counted rows are in the table of this entity: always the same list, for it is asked for each
   * row.
   */
  countedBy(meta: EntityMetadata): readonly CounterGroup[] {
    const { class: table } = entityOfTable(meta);
    return kept(this.#countedBy, table, () => this.groups.filter(({ counted }) => counted.class === table));
  }

  /** Returns the groups that keep a stored count on this entity. */
  storedOn(meta: EntityMetadata): CounterGroup[] {
    return this.groups.filter(({ target }) => isSameTable(target, meta));
  }

  /** Returns how many levels of stored counts are to be changed before a row of this entity is counted. */
  rankOf(meta: EntityMetadata): number {
    if (!this.hasLevels) return 0;
    const summed = this.countedBy(meta).some(({ counters }) => counters.some(({ through }) => through));
    return summed ? this.storedOn(meta)[0]!.level + 1 : 0;
  }

  /** Returns the counters whose stored counts are columns of this entity, one for each column. */
  countersOn(meta: EntityMetadata): readonly ResolvedCounter[] {
    return kept(this.#countersOn, meta.class, () =>
      withoutShares(this.storedOn(meta).flatMap(({ counters }) => counters)),
    );
  }
}

/** Returns the counter with which a sum of sums begins. */
function firstOf(counter: ResolvedCounter): ResolvedCounter {
  return counter.through ? firstOf(counter.through) : counter;
}

/** Counters as they were declared for an ORM, of which the metadata make a registry. An ORM has it as a subscriber. */
export class DeclaredCounters {
  readonly #registries = new WeakMap<MetadataStorage, CounterRegistry>();

  constructor(
    readonly counters: readonly Counter[],
    readonly strategy: CounterStrategy = 'hooks',
  ) {}

  /** Returns the counters resolved against an ORM's entities. Errors: COUNTER_DECLARATION. */
  registry(em: SqlEntityManager): CounterRegistry {
    const metadata = em.getMetadata();
    const known = this.#registries.get(metadata);
    if (known?.isOf(metadata)) return known;
    const registry = new CounterRegistry(this.counters, em, this.strategy);
    this.#registries.set(metadata, registry);
    return registry;
  }
}

/** Returns the counters that an entity manager keeps; undefined for an ORM that was started without withCounters(). */
export function registryOf(em: SqlEntityManager): CounterRegistry | undefined {
  const declared: unknown = [...em.config.get('subscribers')].find(one => one instanceof DeclaredCounters);
  return (declared as DeclaredCounters | undefined)?.registry(em);
}

const tests = new WeakMap<readonly CounterGroup[], readonly Test[]>();
const properties = new WeakMap<readonly CounterGroup[], readonly string[]>();
const writers = new WeakMap<readonly CounterGroup[], readonly WatchedColumn[]>();

/** A column that decides whether and where a row is counted, with all properties by which a row can get its value. */
export interface WatchedColumn {
  readonly column: string;
  readonly writers: readonly ColumnWriter[];
}

/** A property with a column, and the column's place among those of the property. */
interface ColumnWriter {
  readonly name: string;
  readonly place: number;
  /** True where MikroORM writes this column for the property: another property of the same column may do so instead. */
  readonly owns: boolean;
  /** True where the database itself gives the column a value. */
  readonly defaulted: boolean;
}

/** Returns the tests in the conditions of all counters of some groups, and what they sum. */
export function testsIn(groups: readonly CounterGroup[]): readonly Test[] {
  return kept(tests, groups, () =>
    groups.flatMap(({ counters }) =>
      counters.flatMap(({ condition, amount }) => [...condition.tests, ...(amount.of ? [amount.of.test] : [])]),
    ),
  );
}

/**
 * Returns the columns that decide whether and where a row of these groups is counted. Several properties may have one
 * column, as a foreign key of two columns and a relation by one of them have.
 */
export function columnsWatched(groups: readonly CounterGroup[]): readonly WatchedColumn[] {
  return kept(writers, groups, () =>
    [...new Set(watchedColumns(groups))].map(column => ({ column, writers: writersOf(groups[0]!.counted, column) })),
  );
}

/** Returns the names of the properties that have a column which decides whether and where a row is counted. */
export function watchedProperties(groups: readonly CounterGroup[]): readonly string[] {
  return kept(properties, groups, () => [
    ...new Set(columnsWatched(groups).flatMap(watched => watched.writers.map(({ name }) => name))),
  ]);
}

function writersOf(meta: EntityMetadata, column: string): ColumnWriter[] {
  return propertiesOf(meta, column).map(property => ({
    name: property.name,
    place: property.fieldNames.findIndex(name => isSameName(name, column)),
    owns: property.fieldNames.length === 1 || (property.ownColumns ?? property.fieldNames).includes(column),
    defaulted: ![undefined, 'null'].includes(property.defaultRaw),
  }));
}

/** Returns the properties by which the application writes a column. */
function propertiesOf(meta: EntityMetadata, column: string): EntityProperty[] {
  const own = (property: EntityProperty): boolean =>
    ![ReferenceKind.ONE_TO_MANY, ReferenceKind.MANY_TO_MANY].includes(property.kind) &&
    isColumn(property) &&
    !(property.embedded && (meta.properties[property.embedded[0] as never] as EntityProperty).object);
  return meta.props.filter(property => property.fieldNames?.some(name => isSameName(name, column)) && own(property));
}

/** Compares names of columns as databases do. */
function isSameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** Returns what is kept for a key, which is made the first time. */
function kept<Key extends object, Value>(values: WeakMap<Key, Value>, key: Key, make: () => Value): Value {
  let value = values.get(key);
  if (value === undefined) values.set(key, (value = make()));
  return value;
}

/** Returns the columns of the foreign keys and the conditions of some groups. */
export function watchedColumns(groups: readonly CounterGroup[]): string[] {
  return groups.flatMap(group => [...group.foreignKey, ...testsIn([group]).flatMap(({ columns }) => columns)]);
}

/** Returns true for a property that the application writes to columns: persisted, not generated, and not a formula. */
export function isColumn(property: EntityProperty): boolean {
  return property.persist !== false && !property.formula && !property.generated;
}

/** Returns the names by which an entity has a property, through the embedded objects that it is a part of. */
function pathOf(meta: EntityMetadata, { embedded, name }: EntityProperty): string[] {
  return embedded ? [...pathOf(meta, meta.properties[embedded[0] as never]!), embedded[1]] : [name];
}

/** Returns the primary key columns of a table. */
export function keyColumns(meta: EntityMetadata): string[] {
  return meta.primaryKeys.flatMap(name => (meta.properties[name as never] as EntityProperty).fieldNames);
}

/** Returns the parts of a primary key, in the order of keyColumns(). */
function keyParts(meta: EntityMetadata): KeyPart[] {
  return meta.primaryKeys.flatMap((name): KeyPart[] => {
    const property = meta.properties[name as never] as EntityProperty;
    const { targetMeta } = property;
    return targetMeta ? keyParts(targetMeta) : [{ meta, property, kind: kindOf(property) }];
  });
}

function kindOf({ columnTypes, runtimeType }: EntityProperty): KeyPart['kind'] {
  const type = columnTypes[0] ?? '';
  if (['boolean', 'Date'].includes(runtimeType)) return 'other';
  if (/^(?:(?:big|small|medium|tiny)?int(?:eger)?|(?:big|small)?serial)\b/i.test(type)) return 'whole';
  return /char|text|enum|uuid/i.test(type) ? 'text' : 'other';
}

/** Returns another entity that writes the same table, if there is one. */
function twinOf(meta: EntityMetadata, metadata: MetadataStorage): EntityMetadata | undefined {
  const others = [...metadata.getAll().values()] as EntityMetadata[];
  return others.find(
    other =>
      !isSameTable(other, meta) &&
      other.tableName === meta.tableName &&
      // Without a schema, and with any, an entity has rows where the entity manager says.
      (other.schema ?? OWN_SCHEMA) === (meta.schema ?? OWN_SCHEMA) &&
      !other.abstract &&
      !other.embeddable &&
      !other.virtual &&
      !other.view,
  );
}

/** Returns counters without those that share the column of another one. */
export function withoutShares(counters: readonly ResolvedCounter[]): ResolvedCounter[] {
  return counters.filter(({ column }, index) => counters.findIndex(other => other.column === column) === index);
}

/**
 * Refuses counters that cannot share a column of one target (COUNTER_DECLARATION): those by one relation, and sums. The
 * others each add their own rows to it, so that it stores how many there are of all.
 */
function refuseUnlikeShares(groups: readonly CounterGroup[]): void {
  const refusal = ({ name }: ResolvedCounter, problem: string): CounterError =>
    new CounterError('COUNTER_DECLARATION', `Two counters are declared into ${name}, ${problem}.`);
  for (const { counters, by } of groups) {
    const twice = counters.find(({ column }, index) => counters.findIndex(other => other.column === column) < index);
    if (twice) throw refusal(twice, `both by "${by}"; declare one, with $or in its condition`);
  }
  const all = groups.flatMap(({ counters }) => counters);
  for (const [column, sharing] of Map.groupBy(all, counter => counter.column)) {
    const sum = sharing.length > 1 && sharing.find(({ amount }) => amount.of);
    if (sum) throw refusal(sum, `one of which is a sum; give each a column of its own and not ${column}`);
  }
}

/** Refuses two relations with the same columns (COUNTER_DECLARATION), by each of which rows would be counted. */
function refuseSharedForeignKeys(groups: readonly CounterGroup[]): void {
  for (const [index, { counted, foreignKey, by, counters }] of groups.entries()) {
    const twin = groups
      .slice(0, index)
      .find(other => other.counted === counted && other.foreignKey.join() === foreignKey.join());
    if (twin)
      throw new CounterError(
        'COUNTER_DECLARATION',
        `${twin.counters[0]!.name} and ${counters[0]!.name} count ${counted.className} rows by "${twin.by}" and "${by}", which have the same column ${foreignKey.join(', ')}. Declare both by one of them.`,
      );
  }
}

function groupOf(counter: Counter, em: SqlEntityManager): CounterGroup & { counters: ResolvedCounter[] } {
  const metadata = em.getMetadata();
  const refuse = (problem: string): CounterError =>
    new CounterError(
      'COUNTER_DECLARATION',
      `The counter ${counter.counted.name}.${counter.by} → ${counter.into}: ${problem}.`,
    );
  const counted = metadata.find(counter.counted) as EntityMetadata | undefined;
  if (!counted) throw refuse(`${counter.counted.name} is not among the ORM's entities`);
  const refuseEntity = (meta: EntityMetadata): void => {
    const problem = entityProblem(meta) ?? typeSchemaProblem(meta, metadata);
    if (problem !== undefined) throw refuse(`${meta.className} ${problem}`);
  };
  const refuseOtherColumn = (property: EntityProperty): void => {
    const column = otherColumn(counted, property, metadata);
    if (column !== undefined)
      throw refuse(
        `"${property.name}" has the column ${column} in another entity of the table ${counted.tableName}; give both the same column, or one of them another name`,
      );
  };
  refuseEntity(counted);
  const by = counted.properties[counter.by as never] as EntityProperty | undefined;
  const relationProblem = by ? propertyProblem(by, 'by') : NO_RELATION;
  if (!by || relationProblem !== undefined) throw refuse(`"${counter.by}" ${relationProblem}`);
  refuseOtherColumn(by);
  const target = entityOfTable(metadata.get<object>(by.targetMeta!.class));
  refuseEntity(target);
  const twin = twinOf(counted, metadata) ?? twinOf(target, metadata);
  if (twin)
    throw refuse(
      `the entity ${twin.className} has the table ${twin.tableName} too, and what it writes would not be counted; map a table that counts to one entity, a pivot table with pivotEntity`,
    );
  const into = target.properties[counter.into as never] as EntityProperty | undefined;
  if (!into || into.kind !== ReferenceKind.SCALAR)
    throw refuse(`${target.className} has no column property "${counter.into}"`);
  if (target.inheritanceType && into.inherited)
    throw refuse(
      `"${counter.into}" is null in those rows of ${target.tableName} that are not of the type that has it; declare it in ${target.className}`,
    );
  const countProblem = propertyProblem(into, 'into');
  if (countProblem !== undefined) throw refuse(`"${counter.into}" ${countProblem}`);
  const amount = amountFor(counter, into, counted, target, em);
  if (typeof amount === 'string') throw refuse(amount);
  if (amount.of) refuseOtherColumn(counted.properties[amount.of.test.property as never]!);
  const condition = conditionOf(counter, counted, em);
  const other = propertiesOf(target, into.fieldNames[0]!).find(property => property.name !== into.name);
  if (other)
    throw refuse(
      `"${other.name}" has the column of "${counter.into}" too, and would write it; give "${other.name}" persist: false`,
    );
  const parts = keyParts(target);
  const table = entityOfTable(counted);
  return {
    order: 0,
    level: 0,
    counted: table,
    by: counter.by,
    foreignKey: by.fieldNames,
    target,
    targetKey: keyColumns(target),
    targetParts: parts,
    isKnownToMemory:
      parts.every(({ kind }) => kind !== 'other') &&
      by.fieldNames.every(column => propertiesOf(table, column).length === 1),
    counters: [
      {
        name: `${target.className}.${counter.into}`,
        property: into.name,
        path: pathOf(target, into),
        column: into.fieldNames[0]!,
        condition,
        amount,
      },
    ],
  };
}
