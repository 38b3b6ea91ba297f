import { IsolationLevel } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { deleteWhere, insertMany, recount, updateWhere, verify } from 'mikro-orm-counters';
import { expect, it } from 'vitest';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { pick, writeAtOnce, type Below, type RandomChange } from '../../support/random-writers.js';
import { useSchema } from '../../support/schema.js';
import {
  Bike,
  Company,
  expectExactFleets,
  fleets,
  Party,
  Region,
  Tanker,
  Trip,
  Truck,
  Vehicle,
} from '../models/fleets.js';

const WRITERS = 6;
const CHANGES_OF_EACH = 12;

/** The ids of the rows that stay. */
interface Ids {
  readonly regions: readonly number[];
  /** All parties, of which some are companies. */
  readonly parties: readonly number[];
  readonly companies: readonly number[];
  readonly trucks: readonly number[];
}

type Change = RandomChange<Ids>;

const isSometimes = (below: Below): boolean => below(2) === 1;

/** Returns some vehicles of any type that may be removed, in the order of their keys. */
async function someVehicles(em: SqlEntityManager, { trucks }: Ids, below: Below): Promise<Vehicle[]> {
  const all = await em.find(Vehicle, { id: { $nin: [...trucks] } }, { orderBy: { id: 'asc' }, limit: 30 });
  return all.filter(() => below(10) === 0);
}

const flushes: readonly Change[] = [
  async (em, { parties, companies }, below) => {
    for (const type of [Vehicle, Truck, Tanker, Bike].slice(below(4))) {
      const owner = em.getReference(Party, pick(parties, below));
      const lessee = isSometimes(below) ? em.getReference(Company, pick(companies, below)) : null;
      em.create(type, { owner, weight: below(20), cargo: below(5), ...(type !== Vehicle && { lessee }) } as never);
    }
    await em.flush();
  },
  async (em, ids, below) => {
    for (const vehicle of await someVehicles(em, ids, below)) {
      em.assign(vehicle, {
        owner: pick(ids.parties, below),
        weight: below(20),
        soldAt: isSometimes(below) ? new Date(0) : null,
      });
      if (vehicle instanceof Truck) em.assign(vehicle, { lessee: pick(ids.companies, below), cargo: below(5) });
    }
    await em.flush();
  },
  async (em, ids, below) => {
    for (const vehicle of await someVehicles(em, ids, below)) em.remove(vehicle);
    await em.flush();
  },
  // Trips, and the rows through which they are counted.
  async (em, { trucks, companies }, below) => {
    const truck = await em.findOneOrFail(Truck, pick(trucks, below));
    em.create(Trip, { truck });
    if (isSometimes(below)) truck.lessee = em.getReference(Company, pick(companies, below));
    await em.flush();
  },
  async (em, { companies, regions }, below) => {
    const company = await em.findOneOrFail(Company, pick(companies, below));
    company.region = em.getReference(Region, pick(regions, below));
    await em.flush();
  },
];

const bulkChanges: readonly Change[] = [
  async (em, { parties }, below) =>
    insertMany(
      em,
      Vehicle,
      Array.from({ length: 1 + below(3) }, () => ({ owner: pick(parties, below), weight: below(20) })),
    ),
  async (em, { parties }, below) =>
    updateWhere(em, Vehicle, { weight: below(20) }, { owner: pick(parties, below), soldAt: null }),
  async (em, { companies }, below) =>
    updateWhere(em, Truck, { cargo: below(5) }, { lessee: pick(companies, below), cargo: below(5) }),
  async (em, { trucks }, below) => deleteWhere(em, Vehicle, { id: { $nin: [...trucks] }, weight: below(20) }),
  // Makes trucks of tankers.
  async (em, { companies }, below) => deleteWhere(em, Tanker, { lessee: pick(companies, below) }),
  async (em, { companies, regions }, below) =>
    updateWhere(em, Company, { id: pick(companies, below) }, { region: pick(regions, below) }),
  async (em, { companies }, below) => em.transactional(own => recount(own, Company, [pick(companies, below)])),
];

/** The codes of a deadlock. */
const DEADLOCKS = ['40P01', 'ER_LOCK_DEADLOCK'];

describeOnEngineDatabases('writers of rows with a table for each type', kind => {
  const schema = useSchema(kind, fleets(kind));

  /** Does random changes on several connections; returns the codes for which some were repeated. */
  async function race(changes: readonly Change[]): Promise<string[]> {
    const em = schema.em();
    const regions = [0, 1].map(() => em.create(Region, {}));
    const companies = regions.map(region => em.create(Company, { region }));
    const party = em.create(Party, {});
    await em.flush();
    const trucks = companies.map(lessee => em.create(Truck, { owner: party, lessee }));
    await em.flush();
    const idsOf = (rows: readonly { readonly id: number }[]): number[] => rows.map(({ id }) => id);
    const ids: Ids = {
      regions: idsOf(regions),
      parties: idsOf([party, ...companies]),
      companies: idsOf(companies),
      trucks: idsOf(trucks),
    };
    const codes = await writeAtOnce(schema, ids, changes, {
      writers: WRITERS,
      changesOfEach: CHANGES_OF_EACH,
      isolationLevel: IsolationLevel.READ_COMMITTED,
      repeatable: ['COUNTER_CONFLICT', ...DEADLOCKS],
    });
    await expectExactFleets(schema);
    for (const entity of [Party, Company, Truck, Region]) {
      const chunks = await Array.fromAsync(verify(schema.em(), entity));
      expect(chunks.flatMap(({ drifts }) => drifts)).toEqual([]);
    }
    return codes;
  }

  it('flushes of rows with a table for each type, on several connections, keep every count exact, and none of them fails but with a row that has moved', async () => {
    const codes = await race(flushes);
    expect(codes.filter(code => code !== 'COUNTER_CONFLICT')).toEqual([]);
  });

  it('bulk writes and recounts beside flushes of rows with a table for each type keep every count exact', async () => {
    await race([...flushes, ...bulkChanges]);
  });
});
