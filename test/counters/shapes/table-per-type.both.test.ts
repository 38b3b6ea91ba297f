import type { SqlEntityManager } from '@mikro-orm/sql';
import { deleteWhere, insertMany, lockTargets, recountAll, updateWhere, verify } from 'mikro-orm-counters';
import { expect, it } from 'vitest';
import { describeOnEngineDatabases, strategy } from '../../support/databases.js';
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

const withHooks = strategy === 'hooks';

describeOnEngineDatabases('rows with a table for each type', kind => {
  const schema = useSchema(kind, fleets(kind));
  const exact = (): Promise<void> => expectExactFleets(schema);

  /** Saves a party and a company, each with a vehicle of each type; the company leases the trucks. */
  async function add(em: SqlEntityManager): Promise<[party: Party, company: Company]> {
    const [party, company] = [em.create(Party, {}), em.create(Company, {})];
    // MikroORM does not insert a company before the trucks that refer to it.
    await em.flush();
    for (const owner of [party, company]) {
      em.create(Truck, { owner, lessee: company, cargo: 5, weight: 20 });
      em.create(Tanker, { owner, lessee: company, cargo: 7, weight: 9 });
      em.create(Bike, { owner, lessee: company });
    }
    await em.flush();
    return [party, company];
  }

  it('a row that is created counts as each of its types', async () => {
    const [party, company] = await add(schema.em());
    await exact();
    expect([party.vehicleCount, company.vehicleCount, party.weightTotal]).toEqual([3, 3, 30]);
  });

  if (withHooks || kind === 'sqlite' || kind === 'postgresql')
    it("rows that are counted by columns of their type's own table move, change and go with the root's row", async () => {
      const [, company] = await add(schema.em());
      const em = schema.em();
      const trucks = await em.find(Truck, {}, { orderBy: { id: 'asc' } });
      trucks[0]!.lessee = null;
      em.remove(trucks[1]!);
      await em.flush();
      await exact();
      const { leasedCount, leasedTimes } = await schema.em().findOneOrFail(Company, company.id);
      expect(leasedCount).toBe(2);
      expect(leasedTimes).toBeGreaterThan(company.leasedTimes);
    });

  if (withHooks)
    it('rows that are counted by columns of several tables are those of their type', async () => {
      const [party, company] = await add(schema.em());
      expect([party.truckCount, party.loadTotal, party.rentedCount]).toEqual([2, 12, 0]);
      expect([company.leasedCount, company.tankerCount, company.heavyCount, company.rentedCount]).toEqual([4, 2, 2, 4]);
      const em = schema.em();
      for (const truck of await em.find(Truck, {})) truck.weight += 1;
      await em.flush();
      await exact();
      expect(await em.findOneOrFail(Company, company.id)).toMatchObject({ heavyCount: 4, tankerCount: 2 });
    });

  it('rows of all types move, change and are removed, in one flush each', async () => {
    await add(schema.em());
    const em = schema.em();
    const [party, company] = await em.find(Party, {}, { orderBy: { id: 'asc' } });
    for (const vehicle of await em.find(Vehicle, {})) vehicle.owner = company!;
    await em.flush();
    await exact();
    expect([party!.vehicleCount, company!.vehicleCount]).toEqual([0, 6]);
    for (const truck of await em.find(Truck, {})) em.assign(truck, { lessee: null, weight: 30, cargo: 1 });
    await em.flush();
    await exact();
    for (const vehicle of await em.find(Vehicle, {}, { orderBy: { id: 'asc' } })) {
      vehicle.soldAt = new Date(0);
      if (vehicle instanceof Truck) em.assign(vehicle, { lessee: company as Company, owner: party! });
    }
    await em.flush();
    await exact();
    const last = schema.em();
    for (const one of await last.find(Vehicle, {})) last.remove(one);
    for (const one of await last.find(Party, {})) last.remove(one);
    await last.flush();
    expect(await schema.rows('select id from party')).toEqual([]);
  });

  it('a row that is known by a type that it extends is counted as what it is', async () => {
    const [party, company] = await add(schema.em());
    const ids = await schema.em().find(Tanker, {}, { orderBy: { id: 'asc' } });
    const em = schema.em();
    em.assign(em.getReference(Vehicle, ids[0]!.id), { owner: em.getReference(Party, company.id) });
    em.assign(em.getReference(Truck, ids[1]!.id), { lessee: null });
    const bike = await schema.em().findOneOrFail(Bike, { owner: party });
    em.assign(em.getReference(Vehicle, bike.id), { weight: 4 });
    await em.flush();
    await exact();
    const other = schema.em();
    other.remove(other.getReference(Vehicle, bike.id));
    for (const { id } of ids) other.remove(other.getReference(Vehicle, id));
    await other.flush();
    await exact();
    expect((await schema.em().findOneOrFail(Party, party.id)).vehicleCount).toBe(1);
  });

  if (withHooks)
    it('what a hook of the application changes in another table of a row is counted as it is written', async () => {
      const [party] = await add(schema.em());
      const em = schema.em();
      const truck = await em.findOneOrFail(Truck, { owner: party, cargo: 5 });
      em.getEventManager().registerSubscriber({
        beforeUpdate({ entity }) {
          if (entity === truck) em.assign(truck, { lessee: null, cargo: 99 });
        },
      });
      truck.weight = 6;
      await em.flush();
      await exact();
    });

  if (withHooks)
    it('what a hook adds to a table of a row that MikroORM then does not write is not counted', async () => {
      const [party, company] = await add(schema.em());
      const em = schema.em();
      const truck = await em.findOneOrFail(Truck, { owner: party, cargo: 5 });
      const unitOfWork = em.getUnitOfWork();
      em.getEventManager().registerSubscriber({
        beforeUpdate({ entity }) {
          if (entity !== truck) return;
          em.assign(truck, { lessee: null, cargo: 99 });
          unitOfWork.recomputeSingleChangeSet(truck);
        },
      });
      // Only the row of vehicle changes, so that MikroORM plans no update of truck.
      truck.weight = 6;
      await em.flush();
      await exact();
      expect(await schema.em().findOneOrFail(Truck, truck.id)).toMatchObject({ weight: 6, cargo: 5 });
      expect((await schema.em().findOneOrFail(Company, company.id)).leasedCount).toBe(4);
    });

  if (withHooks || kind === 'sqlite' || kind === 'postgresql')
    it('a row of a type that moves takes along what the same flush counts into it, through three relations', async () => {
      const [, company] = await add(schema.em());
      const em = schema.em();
      const [from, to] = [em.create(Region, {}), em.create(Region, {})];
      const moving = await em.findOneOrFail(Company, company.id);
      moving.region = from;
      const truck = await em.findOneOrFail(Truck, { owner: company, cargo: 5 });
      em.create(Trip, { truck });
      await em.flush();
      await exact();
      expect([from.tripCount, to.tripCount]).toEqual([1, 0]);
      // The company has a count in the table of party, which sums nothing, and one in its own, which sums that of truck.
      em.create(Trip, { truck });
      moving.region = to;
      await em.flush();
      await exact();
      expect([from.tripCount, to.tripCount]).toEqual([0, 2]);
      em.remove((await em.find(Trip, {}))[0]!);
      await em.flush();
      truck.lessee = null;
      moving.region = from;
      await em.flush();
      await exact();
      expect([from.tripCount, to.tripCount, moving.tripCount]).toEqual([0, 0, 0]);
    });

  it('a row of the root is created in one flush with rows of a type that alone is counted', async () => {
    const em = schema.em();
    // Parties are counted nowhere, and companies by their region where that has a count.
    const [party, company] = [em.create(Party, { name: 'One' }), em.create(Company, {})];
    await em.flush();
    await exact();
    party.name = 'Another';
    em.create(Party, {});
    em.remove(company);
    await em.flush();
    expect(await schema.rows('select name from party order by id')).toEqual([{ name: 'Another' }, { name: '' }]);
  });

  it('a row and its target that are new together, and a rollback, are counted', async () => {
    const em = schema.em();
    const company = em.create(Company, {});
    em.create(Tanker, { owner: company, weight: 4 });
    em.create(Vehicle, { owner: company });
    await em.flush();
    await exact();
    expect([company.vehicleCount, company.weightTotal]).toEqual([2, 5]);
    const tanker = await em.findOneOrFail(Tanker, { volume: 0 });
    tanker.lessee = company;
    em.create(Trip, { truck: tanker });
    await em.flush();
    await exact();
    const truck = await em.findOneOrFail(Truck, { lessee: company });
    await expect(
      em.transactional(async inner => {
        inner.create(Trip, { truck });
        inner.create(Truck, { owner: company, lessee: company });
        await inner.flush();
        throw new Error('undone');
      }),
    ).rejects.toThrow('undone');
    await exact();
    truck.lessee = null;
    await em.flush();
    await exact();
    await em.transactional(async inner => {
      if (withHooks) expect(await lockTargets(inner, Truck, 'lessee', [[company.id], [99]])).toEqual([[company.id]]);
      inner.create(Truck, { owner: company, lessee: company });
    });
    await exact();
  });

  it('bulk writes of a type count what they do to its table', async () => {
    const em = schema.em();
    const [party, company] = await add(em);
    expect(await insertMany(em, Vehicle, [{ owner: party }, { owner: company, soldAt: new Date(0) }])).toBe(2);
    await exact();
    expect(await updateWhere(em, Vehicle, { owner: party }, { owner: company, weight: 12 })).toBe(4);
    await exact();
    expect(company.vehicleCount).toBe(7);
    if (withHooks || kind === 'sqlite' || kind === 'postgresql') {
      expect(await updateWhere(em, Truck, { owner: company, cargo: 5 }, { lessee: null, cargo: 3 })).toBe(2);
      await exact();
      // As em.nativeDelete() does: what was a tanker is a truck from then on.
      if (withHooks) expect(await deleteWhere(em, Tanker, { volume: 0 })).toBe(2);
      await exact();
      expect(await deleteWhere(em, Truck, { cargo: 7 })).toBe(2);
      await exact();
    }
    expect(await deleteWhere(em, Vehicle, { weight: { $gt: 0 } })).toBe(8);
    await exact();
    expect([company.vehicleCount, company.leasedCount]).toEqual([0, 0]);
    await expect(insertMany(em, Truck, [{ owner: party }])).rejects.toThrow(
      withHooks ? /would write the table truck alone/ : /truck/i,
    );
  });

  it('verify finds and a recount repairs what other programs leave', async () => {
    const [party, company] = await add(schema.em());
    const em = schema.em();
    em.create(Trip, { truck: await em.findOneOrFail(Truck, { cargo: 5 }) });
    await em.flush();
    if (!withHooks) return;
    await schema.write('update party set truck_count = 7, load_total = 3');
    await schema.write('update company set tanker_count = 9, trip_count = 4, heavy_count = 5');
    const drifts = [];
    for (const entity of [Party, Company])
      for await (const chunk of verify(schema.em(), entity)) drifts.push(...chunk.drifts);
    expect(drifts.map(({ counter, key, actual }) => `${counter} ${key.join()} ${actual}`).toSorted()).toEqual(
      [
        ...[party.id, company.id].flatMap(id => [`Party.truckCount ${id} 2`, `Party.loadTotal ${id} 12`]),
        `Company.tankerCount ${company.id} 2`,
        `Company.tripCount ${company.id} 1`,
        `Company.heavyCount ${company.id} 2`,
      ].toSorted(),
    );
    await recountAll(schema.em(), {});
    await exact();
    await expect(verify(schema.em(), Bike).next()).rejects.toThrow('Truck');
  });

  it('writes that fire no hooks are refused where they change what is counted', async () => {
    const em = schema.em();
    const [party] = await add(em);
    if (!withHooks) {
      await em.nativeUpdate(Vehicle, {}, { owner: party });
      await exact();
      await em.nativeDelete(Vehicle, {});
      return exact();
    }
    const kysely = em.getKysely<Record<string, Record<string, number>>>();
    const tanker = await em.findOneOrFail(Tanker, { volume: 0 });
    const refusals = [
      () => em.nativeDelete(Vehicle, {}),
      () => em.nativeDelete(Truck, {}),
      () => em.nativeDelete(Tanker, {}),
      () => em.nativeUpdate(Vehicle, {}, { owner: party }),
      () => em.nativeUpdate(Vehicle, {}, { weight: 3 }),
      () => em.nativeUpdate(Truck, {}, { lessee: null }),
      () => em.nativeUpdate(Truck, {}, { cargo: 3 }),
      () => em.insert(Vehicle, { owner: party }),
      () => em.upsert(Tanker, { id: 1, owner: party }),
      () => em.clone(tanker),
      () => kysely.deleteFrom('vehicle').execute(),
      () => kysely.updateTable('truck').set({ cargo: 3 }).execute(),
      () => kysely.insertInto('tanker').values({ id: 1, volume: 1 }).execute(),
    ];
    for (const refusal of refusals) await expect(refusal()).rejects.toMatchObject({ code: 'COUNTER_BYPASS' });
    await expect(em.nativeUpdate(Company, {}, { heavyCount: 3 })).rejects.toMatchObject({ code: 'COUNTER_ASSIGNED' });
    await expect(kysely.updateTable('party').set({ truck_count: 3 }).execute()).rejects.toMatchObject({
      code: 'COUNTER_ASSIGNED',
    });
    await em.nativeUpdate(Bike, {}, { gears: 3 });
    await exact();
    const other = schema.em();
    other.assign(await other.findOneOrFail(Company, { name: '' }), { tankerCount: 5 } as never);
    await expect(other.flush()).rejects.toMatchObject({ code: 'COUNTER_ASSIGNED' });
    const third = schema.em();
    third.create(Company, { vehicleCount: 5 } as never);
    await expect(third.flush()).rejects.toMatchObject({ code: 'COUNTER_ASSIGNED' });
    await exact();
  });
});
