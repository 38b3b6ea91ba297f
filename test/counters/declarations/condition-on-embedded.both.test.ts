import { expect, it } from 'vitest';
import { insertMany, updateWhere } from 'mikro-orm-counters';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { Depot, expectExactParcels, Parcel, parcels } from '../models/parcels.js';

describeOnEngineDatabases('a condition on a part of an embedded object', kind => {
  const schema = useSchema(kind, parcels);

  async function depotWithOne(fragile: boolean): Promise<{ depot: number; parcel: number }> {
    const em = schema.em();
    const depot = em.create(Depot, {});
    const parcel = em.create(Parcel, { depot, handling: { fragile } });
    await em.flush();
    return { depot: depot.id, parcel: parcel.id };
  }

  const counts = () => schema.rows('select parcel_count as parcels, fragile_count as fragiles from depot');

  it('a flush that creates, changes and removes rows counts them by a part of an embedded object', async () => {
    const { parcel } = await depotWithOne(true);
    expect(await counts()).toEqual([{ parcels: 1, fragiles: 1 }]);
    const em = schema.em();
    const loaded = await em.findOneOrFail(Parcel, parcel);
    loaded.handling.fragile = false;
    await em.flush();
    expect(await counts()).toEqual([{ parcels: 1, fragiles: 0 }]);
    em.assign(loaded, { handling: { fragile: true, floor: 3 } });
    await em.flush();
    expect(await counts()).toEqual([{ parcels: 1, fragiles: 1 }]);
    em.remove(loaded);
    await em.flush();
    expect(await counts()).toEqual([{ parcels: 0, fragiles: 0 }]);
  });

  it('insertMany() counts rows by a part of an embedded object', async () => {
    const { depot } = await depotWithOne(false);
    await insertMany(schema.em(), Parcel, [
      { depot, handling: { fragile: true } },
      { depot, handling: { fragile: false } },
    ] as never);
    expect(await counts()).toEqual([{ parcels: 3, fragiles: 1 }]);
    await expectExactParcels(schema);
  });

  it('updateWhere() counts rows by a part of an embedded object', async () => {
    await depotWithOne(false);
    expect(await updateWhere(schema.em(), Parcel, {}, { handling: { fragile: true } })).toBe(1);
    expect(await counts()).toEqual([{ parcels: 1, fragiles: 1 }]);
    await expectExactParcels(schema);
  });
});
