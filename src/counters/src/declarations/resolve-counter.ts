import {
  ReferenceKind,
  type EntityClass,
  type EntityMetadata,
  type EntityProperty,
  type MetadataStorage,
} from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { OWN_SCHEMA } from '../sql/schemas.js';
import { amountFor } from './amounts.js';
import { conditionOf, onlyOfTarget } from './condition.js';
import type { CounterGroup, ResolvedCounter } from './counter-group.js';
import type { Counter } from './define-counter.js';
import type { Discriminator } from './discriminator.js';
import { countedMeta, refusing } from './refused-declaration.js';
import { entityOfTable, isSameTable, otherColumn, typeSchemaProblem } from './inheritance.js';
import { keyColumns, keyParts, partsOf } from './key-parts.js';
import { entityProblem, NO_RELATION, propertyProblem, uniqueKeyOf } from './mapping-options.js';
import { hasTypeTables, ownerOf, tablesAbove } from './rows-of-types.js';
import { touchesFor } from './touches.js';
import { pathOf, propertiesOf } from './watched-columns.js';

/** Returns the group of one counter: what it means in the mapped tables. Errors: COUNTER_DECLARATION. */
export function groupOf(counter: Counter, em: SqlEntityManager): CounterGroup & { counters: ResolvedCounter[] } {
  const metadata = em.getMetadata();
  const refuse = refusing(counter);
  const counted = countedMeta(counter, metadata);
  const refuseEntity = (meta: EntityMetadata): void => {
    const problem = entityProblem(meta) ?? typeSchemaProblem(meta, metadata);
    if (problem !== undefined) throw refuse(`${meta.className} ${problem}`);
  };
  const refuseOtherColumn = (property: EntityProperty): void => {
    const column = otherColumn(counted, property, metadata);
    if (column !== undefined)
      throw refuse(
        `"${property.name}" has the column ${column} in another entity ${hasTypeTables(counted) ? 'of the same root' : `of the table ${counted.tableName}`}; give both the same column, or one of them another name`,
      );
  };
  refuseEntity(counted);
  const by = counted.properties[counter.by as never] as EntityProperty | undefined;
  const relationProblem = by ? propertyProblem(by, 'by') : NO_RELATION;
  if (!by || relationProblem !== undefined) throw refuse(`"${counter.by}" ${relationProblem}`);
  refuseOtherColumn(by);
  const [targetType, discriminator] = targetFor(counter, by, metadata);
  const target = targetEntity(counter, targetType);
  refuseEntity(target);
  if (discriminator && [counted, ...(by.polymorphTargets ?? [])].some(hasTypeTables))
    throw refuse(
      `"${by.name}" leads to several entities, and ${counted.className} or one of them has a table for each type (inheritance "tpt"), which cannot be counted together; count by a relation to one entity`,
    );
  const twin = [...tablesAbove(counted), target].map(one => twinOf(one, metadata)).find(one => one !== undefined);
  if (twin)
    throw refuse(
      `the entity ${twin.className} has the table ${twin.tableName} too, and what it writes would not be counted; map a table that counts to one entity, a pivot table with pivotEntity`,
    );
  const into = target.properties[counter.into as never] as EntityProperty | undefined;
  if (!into || into.kind !== ReferenceKind.SCALAR)
    throw refuse(`${target.className} has no column property "${counter.into}"`);
  if (target.inheritanceType === 'sti' && into.inherited)
    throw refuse(
      `"${counter.into}" is null in those rows of ${target.tableName} that are not of the type that has it; declare it in ${target.className}`,
    );
  const countProblem = propertyProblem(into, 'into');
  if (countProblem !== undefined) throw refuse(`"${counter.into}" ${countProblem}`);
  const amount = amountFor(counter, into, counted, target, em);
  if (typeof amount === 'string') throw refuse(amount);
  if (amount.of) refuseOtherColumn(counted.properties[amount.of.test.property as never]!);
  const plain = conditionOf(counter, counted, em);
  const condition = discriminator ? onlyOfTarget(plain, by, discriminator, em) : plain;
  const other = propertiesOf(target, into.fieldNames[0]!).find(property => property.name !== into.name);
  if (other)
    throw refuse(
      `"${other.name}" has the column of "${counter.into}" too, and would write it; give "${other.name}" persist: false`,
    );
  const touches = touchesFor(counter, target, em);
  if (typeof touches === 'string') throw refuse(touches);
  const uniqueKey = uniqueKeyOf(by);
  refuseSpreadTarget(counter, target, [
    ...(uniqueKey === undefined ? [] : [uniqueKey]),
    ...touches.map(({ property }) => property),
  ]);
  const primaryParts = keyParts(target);
  const parts = uniqueKey === undefined ? primaryParts : partsOf(target, uniqueKey);
  const table = metadata.get<object>(entityOfTable(counted).class) as EntityMetadata;
  const isSpread = hasTypeTables(counted);
  return {
    order: 0,
    level: 0,
    counted: table,
    type: isSpread ? counted : table,
    ...(isSpread && counted.class !== table.class && { typeMark: `is ${counted.className}` }),
    by: counter.by,
    slot: [
      counter.by,
      ...(discriminator ? [`to ${targetType.className}`] : []),
      ...(isSpread ? [`of ${counted.className}`] : []),
      ...(hasTypeTables(target) ? [`in ${target.className}`] : []),
    ].join(' '),
    foreignKey: discriminator ? by.fieldNames.slice(1) : by.fieldNames,
    discriminator,
    target,
    targetKey: uniqueKey === undefined ? keyColumns(target) : by.referencedColumnNames,
    targetParts: parts,
    primaryKey: keyColumns(target),
    primaryParts,
    uniqueKey,
    isKnownToMemory:
      parts.every(({ kind }) => kind !== 'other') &&
      // Of a relation to another key, MikroORM's snapshot has the primary key.
      (uniqueKey === undefined || (by.mapToPk === true && parts.every(({ property }) => !property.customType))) &&
      by.fieldNames.every(column => propertiesOf(table, column).length === 1),
    counters: [
      {
        name: `${target.className}.${counter.into}`,
        property: into.name,
        path: pathOf(target, into),
        column: into.fieldNames[0]!,
        condition,
        amount,
        touches,
      },
    ],
  };
}

/** Returns the entity whose table has a stored count: where each type has a table, the one in which the count stands. */
function targetEntity({ into }: Counter, type: EntityMetadata): EntityMetadata {
  const property = type.properties[into as never] as EntityProperty | undefined;
  if (!hasTypeTables(type)) return entityOfTable(type);
  return property ? ownerOf(type, property) : type;
}

/**
 * Refuses properties of a target that stand in another table than its stored count (COUNTER_DECLARATION): one UPDATE finds
 * and changes them.
 */
function refuseSpreadTarget(counter: Counter, target: EntityMetadata, names: readonly string[]): void {
  if (!hasTypeTables(target)) return;
  for (const name of names) {
    const property = target.properties[name as never]!;
    const owner = ownerOf(target, property);
    if (owner.class !== target.class)
      throw refusing(counter)(
        `"${name}" is the column ${property.fieldNames[0]} of ${owner.tableName}, and "${counter.into}" stands in ${target.tableName}; declare both in one entity`,
      );
  }
}

/**
 * Returns the entity to which a counter's relation leads, and what says of a row that it does, where it leads to several.
 * Errors: COUNTER_DECLARATION where it does not say to which, or says another one.
 */
function targetFor(
  counter: Counter,
  by: EntityProperty,
  metadata: MetadataStorage,
): [EntityMetadata, Discriminator | undefined] {
  const refuse = refusing(counter);
  const target = counter.target && metadata.find<object>(counter.target)?.class;
  const other = counter.target?.name;
  if (!by.polymorphic) {
    if (counter.target && target !== by.targetMeta!.class)
      throw refuse(`"${by.name}" leads to ${by.targetMeta!.className}, and not to ${other}; leave "target" out`);
    return [metadata.get<object>(by.targetMeta!.class), undefined];
  }
  const types = Object.entries(by.discriminatorMap ?? {}) as unknown as [string, EntityClass<object>][];
  const values = types.filter(([, type]) => type === target).map(([value]) => value);
  if (target === undefined || values.length === 0)
    throw refuse(
      `"${by.name}" leads to ${types.map(([, { name }]) => name).join(', ')}${counter.target ? `, and not to ${other}` : ''}; give one of them as "target", and declare a counter for each that stores one`,
    );
  return [metadata.get<object>(target), { column: by.fieldNames[0]!, values }];
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
