import type { Opt } from '@mikro-orm/core';
import { Entity, ManyToOne, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
import { defineCounter, type Counter } from 'mikro-orm-counters';
import { expect } from 'vitest';
import { strategy, type EngineDatabaseKind } from '../../support/databases.js';
import { expectExact, type StoredCount } from '../../support/exact-counts.js';
import type { Schema, SchemaOptions } from '../../support/schema.js';

const rules = { deleteRule: 'restrict', updateRule: 'restrict' } as const;
const count = { type: 'integer', unsigned: true, default: 0 } as const;

/** A target that has types with tables of their own. */
@Entity({ tableName: 'party', inheritance: 'tpt' })
export class Party {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'string', default: '' })
  name: Opt<string> = '';

  @Property({ ...count })
  readonly vehicleCount: Opt<number> = 0;

  @Property({ type: 'integer', default: 0 })
  readonly weightTotal: Opt<number> = 0;

  @Property({ ...count })
  readonly truckCount: Opt<number> = 0;

  @Property({ type: 'integer', default: 0 })
  readonly loadTotal: Opt<number> = 0;

  @Property({ ...count })
  readonly rentedCount: Opt<number> = 0;
}

/** A target three relations away from a trip, two of them those of rows with parts. */
@Entity({ tableName: 'region' })
export class Region {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ ...count })
  readonly tripCount: Opt<number> = 0;
}

/** A target that stores counts in the table of its own type, too. */
@Entity({ tableName: 'company' })
export class Company extends Party {
  @ManyToOne(() => Region, { nullable: true, ...rules })
  region?: Region | null;

  @Property({ ...count })
  readonly leasedCount: Opt<number> = 0;

  @Property({ type: 'integer', default: 0 })
  leasedTimes: Opt<number> = 0;

  @Property({ ...count })
  readonly tankerCount: Opt<number> = 0;

  @Property({ ...count })
  readonly bikeCount: Opt<number> = 0;

  @Property({ ...count })
  readonly heavyCount: Opt<number> = 0;

  @Property({ ...count })
  readonly tripCount: Opt<number> = 0;
}

/** A row with a part in a table for each of its types. */
@Entity({ tableName: 'vehicle', inheritance: 'tpt' })
export class Vehicle {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Party, { ...rules })
  owner!: Party;

  @Property({ type: 'integer', default: 1 })
  weight: Opt<number> = 1;

  @Property({ type: 'datetime', nullable: true })
  soldAt?: Date | null;
}

/** A row of a type, which has types itself. */
@Entity({ tableName: 'truck' })
export class Truck extends Vehicle {
  @ManyToOne(() => Company, { nullable: true, ...rules })
  lessee?: Company | null;

  @Property({ type: 'integer', default: 0 })
  cargo: Opt<number> = 0;

  @Property({ ...count })
  readonly tripCount: Opt<number> = 0;
}

/** A row of a type of that type, without anything of its own. */
@Entity({ tableName: 'tanker' })
export class Tanker extends Truck {
  @Property({ type: 'integer', default: 0 })
  volume: Opt<number> = 0;
}

/** A row of another type. */
@Entity({ tableName: 'bike' })
export class Bike extends Vehicle {
  // Trucks have a column of this name in their own table.
  @ManyToOne(() => Company, { nullable: true, ...rules })
  lessee?: Company | null;

  @Property({ type: 'integer', default: 0 })
  gears: Opt<number> = 0;
}

/** A row that is counted into rows with parts. */
@Entity({ tableName: 'trip' })
export class Trip {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Truck, { ...rules })
  truck!: Truck;
}

/** A counter with the tables that its triggers need, and the count as it is written by hand. */
interface Declared {
  readonly counter: Counter;
  /** What is counted by: the root's table, that of a type, or several. */
  readonly needs: 'root' | 'type' | 'several';
  readonly exact: readonly (Omit<StoredCount, 'by'> & { readonly by: string; readonly sum?: string })[];
}

const trucks = '(select v.*, k.lessee_id, k.cargo from vehicle v join truck k on k.id = v.id)';
const tankers = '(select k.lessee_id from truck k join tanker t on t.id = k.id)';
const trips = '(select k.lessee_id from trip i join truck k on k.id = i.truck_id)';
const tripsOfCompanies = `(select o.region_id from ${trips} l join company o on o.id = l.lessee_id)`;

const declared: readonly Declared[] = [
  {
    counter: defineCounter({ counted: Bike, by: 'lessee', into: 'bikeCount' }),
    needs: 'type',
    exact: [{ target: 'company', column: 'bike_count', counted: 'bike', by: 'lessee_id' }],
  },
  {
    counter: defineCounter({ counted: Vehicle, by: 'owner', into: 'vehicleCount', where: { soldAt: null } }),
    needs: 'root',
    exact: [
      { target: 'party', column: 'vehicle_count', counted: 'vehicle', by: 'owner_id', where: 'c.sold_at is null' },
    ],
  },
  {
    counter: defineCounter({ counted: Vehicle, by: 'owner', into: 'weightTotal', sum: 'weight' }),
    needs: 'root',
    exact: [{ target: 'party', column: 'weight_total', counted: 'vehicle', by: 'owner_id', sum: 'c.weight' }],
  },
  {
    counter: defineCounter({ counted: Truck, by: 'lessee', into: 'leasedCount', touch: 'leasedTimes' }),
    needs: 'type',
    exact: [{ target: 'company', column: 'leased_count', counted: 'truck', by: 'lessee_id' }],
  },
  {
    counter: defineCounter({ counted: Truck, by: 'lessee', into: 'rentedCount' }),
    needs: 'type',
    exact: [{ target: 'party', column: 'rented_count', counted: 'truck', by: 'lessee_id' }],
  },
  {
    counter: defineCounter({ counted: Truck, by: 'owner', into: 'truckCount' }),
    needs: 'several',
    exact: [{ target: 'party', column: 'truck_count', counted: trucks, by: 'owner_id' }],
  },
  {
    counter: defineCounter({ counted: Truck, by: 'owner', into: 'loadTotal', sum: 'cargo', where: { soldAt: null } }),
    needs: 'several',
    exact: [
      {
        target: 'party',
        column: 'load_total',
        counted: trucks,
        by: 'owner_id',
        sum: 'c.cargo',
        where: 'c.sold_at is null',
      },
    ],
  },
  {
    counter: defineCounter({ counted: Tanker, by: 'lessee', into: 'tankerCount' }),
    needs: 'several',
    exact: [{ target: 'company', column: 'tanker_count', counted: tankers, by: 'lessee_id' }],
  },
  {
    counter: defineCounter({ counted: Truck, by: 'lessee', into: 'heavyCount', where: { weight: { $gte: 10 } } }),
    needs: 'several',
    exact: [{ target: 'company', column: 'heavy_count', counted: trucks, by: 'lessee_id', where: 'c.weight >= 10' }],
  },
  {
    counter: defineCounter({ counted: Trip, by: 'truck', into: 'tripCount' }),
    needs: 'type',
    exact: [{ target: 'truck', column: 'trip_count', counted: 'trip', by: 'truck_id' }],
  },
  {
    counter: defineCounter({ counted: Trip, by: 'truck.lessee', into: 'tripCount' }),
    needs: 'type',
    exact: [{ target: 'company', column: 'trip_count', counted: trips, by: 'lessee_id' }],
  },
  {
    counter: defineCounter({ counted: Trip, by: 'truck.lessee.region', into: 'tripCount' }),
    needs: 'type',
    exact: [{ target: 'region', column: 'trip_count', counted: tripsOfCompanies, by: 'region_id' }],
  },
];

/** Returns what a database counts with a strategy: triggers see the rows of one table alone. */
function countedOn(kind: EngineDatabaseKind, how: typeof strategy): readonly Declared[] {
  const seesTypes = kind === 'sqlite' || kind === 'postgresql';
  return declared.filter(({ needs }) => how === 'hooks' || needs === 'root' || (needs === 'type' && seesTypes));
}

/** Returns the fleets with all that a database counts. */
export function fleets(kind: EngineDatabaseKind, how: typeof strategy = strategy): SchemaOptions {
  return {
    entities: [Region, Party, Company, Vehicle, Truck, Tanker, Bike, Trip],
    counters: countedOn(kind, how).map(({ counter }) => counter),
  };
}

/** Asserts that every count is exact. */
export async function expectExactFleets(schema: Schema): Promise<void> {
  for (const { target, column, counted, by, sum, where = '1 = 1' } of countedOn(schema.kind, strategy).flatMap(
    ({ exact }) => exact,
  )) {
    if (sum === undefined) {
      await expectExact(schema, { target, column, counted, by: { id: by }, where });
      continue;
    }
    const rows = await schema.rows<{ in_column: unknown; in_rows: unknown }>(
      `select t.${column} as in_column, (select coalesce(sum(${sum}), 0) from ${counted} c where c.${by} = t.id and (${where})) as in_rows from ${target} t`,
    );
    const drifted = rows.filter(({ in_column, in_rows }) => Number(in_column) !== Number(in_rows));
    expect(drifted, `drift of ${target}.${column}`).toEqual([]);
  }
}
