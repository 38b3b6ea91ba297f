import { defineEntity, p } from '@mikro-orm/core';
import { defineCounter } from 'mikro-orm-counters';
import { expect } from 'vitest';
import { expectExact, type StoredCount } from '../../support/exact-counts.js';
import type { Schema, SchemaOptions } from '../../support/schema.js';

const count = () => p.integer().unsigned().default(0);

const AreaSchema = defineEntity({
  name: 'Area',
  tableName: 'area',
  properties: { id: p.integer().primary(), code: p.string().length(40).unique(), plantCount: count() },
});
/** A target that beds refer to by a text. */
export class Area extends AreaSchema.class {}
AreaSchema.setClass(Area);

const BedSchema = defineEntity({
  name: 'Bed',
  tableName: 'bed',
  properties: {
    id: p.integer().primary(),
    number: p.integer().unsigned().unique(),
    area: () =>
      p
        .manyToOne(Area)
        .targetKey('code')
        .mapToPk()
        .joinColumn('area_code')
        .nullable()
        .deleteRule('restrict')
        .updateRule('restrict'),
    plantCount: count(),
    tallCount: count(),
    heights: p.bigint('number').default(0),
    guestCount: count(),
    changes: p.integer().default(0),
  },
});
/** A target that plants refer to by its number, and as guests by its primary key. */
export class Bed extends BedSchema.class {}
BedSchema.setClass(Bed);

const PlantSchema = defineEntity({
  name: 'Plant',
  tableName: 'plant',
  properties: {
    id: p.integer().primary(),
    // Without eager(), MikroORM 7.2 inserts the targets of loaded rows once more.
    bed: () =>
      p
        .manyToOne(Bed)
        .targetKey('number')
        .joinColumn('bed_number')
        .eager()
        .nullable()
        .deleteRule('restrict')
        .updateRule('restrict'),
    host: () => p.manyToOne(Bed).nullable().deleteRule('restrict').updateRule('restrict'),
    height: p.integer().default(0),
  },
});
/** A row that is counted by two relations to one entity, which refer to different columns of it. */
export class Plant extends PlantSchema.class {}
PlantSchema.setClass(Plant);

const SlotSchema = defineEntity({
  name: 'Slot',
  tableName: 'slot',
  properties: {
    house: p.integer().primary(),
    place: p.integer().primary(),
    label: p.string().length(40).unique(),
    potCount: count(),
  },
});
/** A target with a composite primary key. */
export class Slot extends SlotSchema.class {}
SlotSchema.setClass(Slot);

const PotSchema = defineEntity({
  name: 'Pot',
  tableName: 'pot',
  properties: {
    id: p.integer().primary(),
    slot: () =>
      p.manyToOne(Slot).targetKey('label').joinColumn('slot_label').deleteRule('restrict').updateRule('restrict'),
  },
});
export class Pot extends PotSchema.class {}
PotSchema.setClass(Pot);

const StreetSchema = defineEntity({
  name: 'Street',
  tableName: 'street',
  properties: { id: p.integer().primary(), name: p.string().length(40).unique(), houseCount: count() },
});
/** A target whose houses follow its name. */
export class Street extends StreetSchema.class {}
StreetSchema.setClass(Street);

const HouseSchema = defineEntity({
  name: 'House',
  tableName: 'house',
  properties: {
    id: p.integer().primary(),
    street: () =>
      p
        .manyToOne(Street)
        .targetKey('name')
        .joinColumn('street_name')
        .eager()
        .deleteRule('restrict')
        .updateRule('cascade'),
  },
});
export class House extends HouseSchema.class {}
HouseSchema.setClass(House);

/** A counter by a relation to a unique column that may change while rows refer to it. */
export const town: SchemaOptions = {
  entities: [Street, House],
  counters: [defineCounter({ counted: House, by: 'street', into: 'houseCount' })],
};

/** The count of a street's houses. */
export const houseCount: StoredCount = {
  target: 'street',
  column: 'house_count',
  counted: 'house',
  by: { name: 'street_name' },
};

/** Counters by relations to unique columns. */
export const garden: SchemaOptions = {
  entities: [Area, Bed, Plant, Slot, Pot],
  counters: [
    defineCounter({ counted: Plant, by: 'bed', into: 'plantCount' }),
    defineCounter({ counted: Plant, by: 'bed', into: 'tallCount', where: { height: { $gte: 10 } }, touch: 'changes' }),
    defineCounter({ counted: Plant, by: 'bed', into: 'heights', sum: 'height' }),
    defineCounter({ counted: Plant, by: 'host', into: 'guestCount' }),
    // Types do not lead on from a relation that is mapped to a key.
    { counted: Plant, by: 'bed.area', into: 'plantCount' },
    defineCounter({ counted: Pot, by: 'slot', into: 'potCount' }),
  ],
};

const counts: readonly StoredCount[] = [
  { target: 'bed', column: 'plant_count', counted: 'plant', by: { number: 'bed_number' } },
  { target: 'bed', column: 'tall_count', counted: 'plant', by: { number: 'bed_number' }, where: 'c.height >= 10' },
  { target: 'bed', column: 'guest_count', counted: 'plant', by: { id: 'host_id' } },
  { target: 'slot', column: 'pot_count', counted: 'pot', by: { label: 'slot_label' } },
  {
    target: 'area',
    column: 'plant_count',
    counted: '(select b.area_code from plant p join bed b on b.number = p.bed_number)',
    by: { code: 'area_code' },
  },
];

/** Asserts that every count and sum is that of the rows. */
export async function expectExactGarden(schema: Schema): Promise<void> {
  await expectExact(schema, ...counts);
  const sums = await schema.rows<{ in_column: unknown; in_rows: unknown }>(
    'select heights as in_column, (select coalesce(sum(height), 0) from plant where bed_number = bed.number) as in_rows from bed',
  );
  expect(sums.map(({ in_column }) => Number(in_column))).toEqual(sums.map(({ in_rows }) => Number(in_rows)));
}
