import {
  BigIntType,
  DecimalType,
  isRaw,
  ReferenceKind,
  type EntityMetadata,
  type EntityProperty,
} from '@mikro-orm/core';
import { typeColumnProblem } from './inheritance.js';

// What MikroORM lets an application say about its entities and their properties, and what that means to a counter.

/**
 * Returns why a property cannot have a role in a counter, to be read after its name, with the way out; undefined where
 * this option of it is no reason.
 */
type Reason<Options> = (options: Options) => string | undefined;

/**
 * The reasons against a property as a stored count, as the relation by which rows are counted, and as what changes with a
 * stored count.
 */
interface Roles {
  /** Against the stored count. */
  readonly into?: Reason<EntityProperty>;
  /** Against the relation. */
  readonly by?: Reason<EntityProperty>;
  /** Against the property that is touched. */
  readonly touch?: Reason<EntityProperty>;
}

/** An option that takes no part in what is stored, or whatever it says, counts are exact. */
const exact: Roles = {};

/** The option belongs to a kind of property that neither a stored count nor the relation is. */
const ofOtherKinds: Roles = {};

/** The option is part of another one here, which is examined. */
const examinedWithAnother: Roles = {};

const notWritten: Reason<EntityProperty> = property =>
  property.persist === false || property.formula || property.generated
    ? 'has no column that the application writes; take a property that has'
    : undefined;

const made: Reason<EntityProperty> = ({ onCreate, onUpdate }) =>
  onCreate || onUpdate
    ? `has a function for ${onCreate ? 'onCreate' : 'onUpdate'}, and the counters alone write it; leave that out`
    : undefined;

const initial: Reason<EntityProperty> = ({ default: value, defaultRaw }) => {
  const given = isRaw(value) ? defaultRaw : (value ?? defaultRaw);
  return given === undefined || given === null || /^[\s('"]*[+-]?0+(\.0*)?[\s)'"]*$/.test(String(given))
    ? undefined
    : `has the default ${String(given)}, and a new row has no rows of its own yet; give it the default 0`;
};

const partOfJson: Reason<EntityProperty> = ({ object, array }) =>
  object || array ? 'is stored in JSON, which has no column for it; leave out "object" and "array"' : undefined;

const changedByItself: Reason<EntityProperty> = ({ extra }) =>
  /\bon\s+update\b/i.test(extra ?? '') ? 'is changed by the database itself; leave that out' : undefined;

const numbered: Reason<EntityProperty> = ({ autoincrement }) =>
  autoincrement ? 'is numbered by the database; leave that out' : undefined;

const notRead: Reason<EntityProperty> = ({ hydrate }) =>
  hydrate === false ? 'is not read with its row; leave "hydrate" out' : undefined;

/** All options of properties. */
export const propertyOptions: Readonly<Record<keyof EntityProperty, Roles>> = {
  // What it is, and where it is stored.
  name: exact,
  entity: exact,
  target: exact,
  targetMeta: exact,
  kind: { by: kindProblem },
  type: exact,
  runtimeType: {
    into: ({ runtimeType, customType }) =>
      runtimeType === 'number' || isOfNumbers(customType)
        ? undefined
        : `has values of the type ${runtimeType}; give it the type "integer"`,
  },
  // See amountFor().
  columnTypes: exact,
  customType: {
    into: typeProblem,
    touch: ({ customType }) =>
      customType ? 'has a type of its own; give it the type "datetime" or "integer"' : undefined,
  },
  customTypes: examinedWithAnother,
  hasConvertToJSValueSQL: examinedWithAnother,
  hasConvertToDatabaseValueSQL: examinedWithAnother,
  length: exact,
  precision: exact,
  scale: exact,
  unsigned: exact,
  fieldNames: exact,
  fieldNameRaw: exact,
  object: { into: partOfJson, by: partOfJson, touch: partOfJson },
  array: { into: partOfJson, by: partOfJson, touch: partOfJson },
  persist: { into: notWritten, by: notWritten, touch: notWritten },
  formula: { into: notWritten, by: notWritten, touch: notWritten },
  generated: { into: notWritten, by: notWritten, touch: notWritten },
  extra: { into: changedByItself, touch: changedByItself },
  // The values that it gets without the application.
  default: { into: initial },
  defaultRaw: { into: initial },
  onCreate: { into: made },
  onUpdate: { into: made },
  autoincrement: { into: numbered, touch: numbered },
  returning: exact,
  nullable: {
    into: ({ nullable }) => (nullable ? 'may be null, to which nothing can be added; leave "nullable" out' : undefined),
  },
  enum: {
    into: ({ enum: isEnum }) => (isEnum ? 'is an enumeration, and a count may be any number' : undefined),
    touch: ({ enum: isEnum }) => (isEnum ? 'is an enumeration, to which nothing can be added' : undefined),
  },
  items: examinedWithAnother,
  nativeEnumName: examinedWithAnother,
  primary: {
    into: ({ primary }) => (primary ? 'is the key of its row, which a count cannot be' : undefined),
    touch: ({ primary }) => (primary ? 'is the key of its row, which must stay as it is' : undefined),
  },
  serializedPrimaryKey: exact,
  version: {
    into: ({ version }) => (version ? 'is a version, which MikroORM changes by itself' : undefined),
    touch: ({ version, runtimeType }) =>
      version && runtimeType === 'Date'
        ? 'is a version by time, which cannot tell two changes of one moment apart; make it a whole number'
        : undefined,
  },
  concurrencyCheck: {
    into: ({ concurrencyCheck }) =>
      concurrencyCheck
        ? 'has concurrencyCheck, by which a change of the row would fail whenever something was counted; leave that out'
        : undefined,
    touch: ({ concurrencyCheck }) =>
      concurrencyCheck
        ? 'has concurrencyCheck, by which MikroORM compares what it has read before; make it a version'
        : undefined,
  },
  unique: {
    into: ({ unique }) => (unique ? 'is unique, and rows may have the same count; leave that out' : undefined),
    touch: ({ unique }) => (unique ? 'is unique, and several rows may be touched at once; leave that out' : undefined),
  },
  index: exact,
  collation: exact,
  // How an entity has it.
  ref: {
    into: ({ ref, kind }) =>
      ref && kind === ReferenceKind.SCALAR
        ? 'is wrapped in a reference, where a count cannot be shown; leave "ref" out'
        : undefined,
    touch: ({ ref }) => (ref ? 'is wrapped in a reference, where nothing can be shown; leave "ref" out' : undefined),
  },
  hydrate: { into: notRead, touch: notRead },
  lazy: exact,
  eager: exact,
  mapToPk: exact,
  setter: exact,
  getter: exact,
  getterName: exact,
  accessor: exact,
  hidden: exact,
  groups: exact,
  strategy: exact,
  filters: exact,
  serializer: exact,
  serializedName: exact,
  userDefined: exact,
  optional: exact,
  comment: exact,
  // Embedded objects, of whose parts MikroORM makes properties of the entity.
  embedded: exact,
  embeddedPath: exact,
  embeddable: ofOtherKinds,
  embeddedProps: ofOtherKinds,
  prefix: ofOtherKinds,
  prefixMode: ofOtherKinds,
  // The relation.
  // See targetOf() and refuseForeignKeyRules().
  polymorphic: exact,
  polymorphTargets: examinedWithAnother,
  discriminator: examinedWithAnother,
  discriminatorColumn: examinedWithAnother,
  discriminatorMap: examinedWithAnother,
  discriminatorValue: examinedWithAnother,
  targetKey: {
    by: property =>
      property.polymorphic && property.targetKey !== undefined
        ? 'refers to several entities by another key than their primary keys; let it refer to these'
        : referenceProblem(property),
  },
  referencedColumnNames: { by: referenceProblem },
  referencedTableName: examinedWithAnother,
  referencedPKs: examinedWithAnother,
  through: examinedWithAnother,
  joinColumns: exact,
  ownColumns: exact,
  owner: examinedWithAnother,
  inversedBy: exact,
  mappedBy: examinedWithAnother,
  cascade: exact,
  orphanRemoval: exact,
  // See refuseForeignKeyRules().
  deleteRule: exact,
  updateRule: exact,
  createForeignKeyConstraint: exact,
  foreignKeyName: exact,
  deferMode: exact,
  // Collections.
  where: ofOtherKinds,
  orderBy: ofOtherKinds,
  customOrder: ofOtherKinds,
  fixedOrder: ofOtherKinds,
  fixedOrderColumn: ofOtherKinds,
  pivotTable: ofOtherKinds,
  pivotEntity: ofOtherKinds,
  inverseJoinColumns: ofOtherKinds,
  // Inheritance.
  inherited: exact,
  renamedFrom: exact,
  stiMerged: exact,
  stiFieldNames: exact,
  stiFieldNameMap: exact,
  // The schema generator.
  ignoreSchemaChanges: exact,
};

/** The options of entities, without MikroORM's methods. */
export type EntityOption = {
  [Name in keyof EntityMetadata]-?: NonNullable<EntityMetadata[Name]> extends (...parameters: never) => unknown
    ? never
    : Name;
}[keyof EntityMetadata];

/** The reason against an entity as counted rows or as target; undefined where an option makes no difference. */
type EntityReason = Reason<EntityMetadata> | undefined;

/** All options of entities. */
export const entityOptions: Readonly<Record<EntityOption, EntityReason>> = {
  // What it is, and where its rows are.
  _id: undefined,
  name: undefined,
  className: undefined,
  class: undefined,
  prototype: undefined,
  path: undefined,
  uniqueName: undefined,
  collection: undefined,
  // Another entity of the same table is refused: see CounterRegistry.
  tableName: undefined,
  schema: undefined,
  pivotTable: undefined,
  embeddable: ({ embeddable }) =>
    embeddable ? 'is a part of other entities and has no table; name the entity that has it' : undefined,
  abstract: undefined,
  virtual: ({ virtual }) => (virtual ? 'is virtual and has no table; name the entity of the rows' : undefined),
  view: ({ view }) => (view ? 'is a view, whose rows other tables have; name the entity of such a table' : undefined),
  materialized: undefined,
  withData: undefined,
  expression: undefined,
  partitionBy: undefined,
  // Nobody but bulk writes changes its rows.
  readonly: undefined,
  // Inheritance.
  root: undefined,
  extends: undefined,
  inheritanceType: undefined,
  inheritance: undefined,
  discriminator: undefined,
  discriminatorColumn: typeColumnProblem,
  discriminatorFieldName: undefined,
  discriminatorValue: undefined,
  discriminatorMap: undefined,
  polymorphs: undefined,
  polymorphicDiscriminatorMap: undefined,
  tptParent: undefined,
  tptChildren: undefined,
  allTPTDescendants: undefined,
  tptParentProp: undefined,
  tptInverseProp: undefined,
  tptDiscriminatorColumn: undefined,
  ownProps: undefined,
  // Its properties, each of which is examined by itself where a counter has it.
  properties: undefined,
  props: undefined,
  propertyOrder: undefined,
  definedProperties: undefined,
  primaryKeys: undefined,
  simplePK: undefined,
  compositePK: undefined,
  serializedPrimaryKey: undefined,
  versionProperty: undefined,
  concurrencyCheckKeys: undefined,
  relations: undefined,
  bidirectionalRelations: undefined,
  referencingProperties: undefined,
  selfReferencing: undefined,
  comparableProps: undefined,
  trackingProps: undefined,
  hydrateProps: undefined,
  validateProps: undefined,
  uniqueProps: undefined,
  hasUniqueProps: undefined,
  getterProps: undefined,
  // How entities are made and found.
  constructorParams: undefined,
  forceConstructor: undefined,
  repositoryClass: undefined,
  hooks: undefined,
  filters: undefined,
  orderBy: undefined,
  // What the database does by itself: it refuses rows, or runs SQL of the application.
  indexes: undefined,
  uniques: undefined,
  checks: undefined,
  triggers: undefined,
  hasTriggers: undefined,
  policies: undefined,
  rowLevelSecurity: undefined,
  comment: undefined,
};

/** Returns why an entity cannot be counted or a target, to be read after its name; undefined where it can. */
export function entityProblem(meta: EntityMetadata): string | undefined {
  return firstOf(Object.values(entityOptions).map(reason => reason?.(meta)));
}

/** Returns why a property cannot have a role, to be read after its name; undefined where it can. */
export function propertyProblem(property: EntityProperty, role: keyof Roles): string | undefined {
  return firstOf(Object.values(propertyOptions).map(roles => roles[role]?.(property)));
}

function firstOf(problems: readonly (string | undefined)[]): string | undefined {
  return problems.find(problem => problem !== undefined);
}

/** Returns why a property is not a relation with a foreign key in the entity's own table. */
function kindProblem({ kind, owner, mappedBy, targetMeta, pivotEntity }: EntityProperty): string | undefined {
  if (kind === ReferenceKind.MANY_TO_ONE || (kind === ReferenceKind.ONE_TO_ONE && owner)) return undefined;
  if (kind === ReferenceKind.MANY_TO_MANY)
    return `is a collection with the pivot table of ${String((pivotEntity as { name?: string } | undefined)?.name)}; count the rows of that table, with an entity that pivotEntity names, by their relation to the target`;
  if (mappedBy) return `is the other side of a relation; count ${targetMeta!.className} rows by "${mappedBy}"`;
  return NO_RELATION;
}

/** What the relation of a counter must be. */
export const NO_RELATION = 'must be a many-to-one relation, or the owning side of a one-to-one relation';

/** Returns true for MikroORM's types of numbers that JavaScript's may not hold. */
function isOfNumbers(type: EntityProperty['customType']): boolean {
  return type instanceof BigIntType || type instanceof DecimalType;
}

/** Numbers by which a type shows whether it stores each number as it is. */
const SAMPLES = [0, 1, 2, 10, 4711];

/** Returns why a type does not store numbers as they are, so that the database can add to them. */
function typeProblem({
  customType,
  hasConvertToDatabaseValueSQL,
  hasConvertToJSValueSQL,
}: EntityProperty): string | undefined {
  if (!customType || isOfNumbers(customType)) return undefined;
  const platform = customType.platform!;
  const isStored = (count: number): boolean =>
    Number(customType.convertToDatabaseValue(count, platform)) === count &&
    customType.convertToJSValue(count, platform) === count;
  return hasConvertToDatabaseValueSQL || hasConvertToJSValueSQL || !SAMPLES.every(isStored)
    ? 'has a type that stores other numbers than it is given, to which the database cannot add; give it the type "integer"'
    : undefined;
}

/** Returns the property of its target to which a relation refers; undefined where that is the primary key. */
export function uniqueKeyOf({ targetKey, targetMeta }: EntityProperty): string | undefined {
  return targetKey === undefined || targetMeta?.primaryKeys.join() === targetKey ? undefined : targetKey;
}

/** Returns why the target of a relation cannot be found by the columns to which it refers; undefined where it can. */
export function referenceProblem(property: EntityProperty): string | undefined {
  const { targetMeta, referencedColumnNames } = property;
  if (!targetMeta) return undefined;
  const key = targetMeta.getPrimaryProps().flatMap(({ fieldNames }) => fieldNames);
  const name = uniqueKeyOf(property);
  // With single-table inheritance, the rows of other types have no value.
  const { properties } = targetMeta.root.inheritanceType === 'sti' ? targetMeta.root : targetMeta;
  const unique = name === undefined ? undefined : (properties[name as never] as EntityProperty);
  const refersTo = referencedColumnNames?.join() ?? key.join();
  if (refersTo !== (unique?.fieldNames ?? key).join())
    return `refers to ${refersTo.replaceAll(',', ', ')} of ${targetMeta.className}, which is neither the primary key (${key.join(', ')}) nor a unique property that targetKey names; let it refer to one of these`;
  if (!unique) return undefined;
  if (unique.kind !== ReferenceKind.SCALAR)
    return `refers to "${name}" of ${targetMeta.className}, which is a relation itself; let it refer to a plain property, or to the primary key`;
  return unique.nullable
    ? `refers to "${name}" of ${targetMeta.className}, which may be null, so that a target could not be found; leave "nullable" out there`
    : undefined;
}
