import { Collection, type Opt, type Ref } from '@mikro-orm/core';
import {
  Embeddable,
  Embedded,
  Entity,
  ManyToMany,
  ManyToOne,
  PrimaryKey,
  Property,
} from '@mikro-orm/decorators/legacy';
import { defineCounter } from 'mikro-orm-counters';
import { expectExact } from '../../support/exact-counts.js';
import type { Schema, SchemaOptions } from '../../support/schema.js';

/** A part of a counted row, in columns of the row's table. */
@Embeddable()
export class Handling {
  @Property({ type: 'boolean', default: false })
  fragile: Opt<boolean> = false;

  @Property({ type: 'integer', nullable: true })
  floor?: number | null;
}

/** The target of parcels. */
@Entity({ tableName: 'depot' })
export class Depot {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly parcelCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly fragileCount: Opt<number> = 0;

  /** Maps the column of a stored count a second time, as legacy code does that only reads it. */
  @Property({ type: 'integer', fieldName: 'parcel_count', persist: false })
  readonly size?: number;
}

/** A row that is counted by a part of an embedded object and maps its foreign key a second time. */
@Entity({ tableName: 'parcel' })
export class Parcel {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Depot, { ref: true, deleteRule: 'restrict', updateRule: 'restrict' })
  depot!: Ref<Depot>;

  @Property({ type: 'integer', fieldName: 'depot_id', persist: false })
  readonly depotId?: number;

  @Embedded(() => Handling)
  handling!: Handling;
}

/** A second entity on a counted table. */
@Entity({ tableName: 'parcel' })
export class ParcelRow {
  @PrimaryKey({ type: 'integer' })
  id!: number;
}

/** A many-to-many relation whose pivot table is a counted one. */
@Entity({ tableName: 'carrier' })
export class Carrier {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToMany({ entity: () => Depot, pivotTable: 'parcel' })
  depots = new Collection<Depot>(this);
}

/** Depots and parcels. */
export const parcels: SchemaOptions = {
  entities: [Depot, Parcel],
  counters: [
    defineCounter({ counted: Parcel, by: 'depot', into: 'parcelCount' }),
    { counted: Parcel, by: 'depot', into: 'fragileCount', where: { handling_fragile: true } },
  ],
};

/** Asserts that every depot's counts are exact. */
export function expectExactParcels(schema: Schema): Promise<void> {
  const table = { target: 'depot', counted: 'parcel', by: { id: 'depot_id' } };
  return expectExact(
    schema,
    { ...table, column: 'parcel_count' },
    { ...table, column: 'fragile_count', where: 'c.handling_fragile' },
  );
}
