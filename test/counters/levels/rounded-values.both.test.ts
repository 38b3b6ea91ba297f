import { defineEntity, p } from '@mikro-orm/core';
import { expect, it } from 'vitest';
import { defineCounter, updateWhere } from 'mikro-orm-counters';
import { describeOnServers } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';

const amount = () => p.decimal().precision(12).scale(2);

const RegionSchema = defineEntity({
  name: 'Region',
  properties: { id: p.integer().primary(), sales: amount().default(0) },
});
class Region extends RegionSchema.class {}
RegionSchema.setClass(Region);

const StoreSchema = defineEntity({
  name: 'Store',
  properties: {
    id: p.integer().primary(),
    region: () => p.manyToOne(Region).ref().deleteRule('restrict').updateRule('restrict'),
    sales: amount().default(0),
  },
});
class Store extends StoreSchema.class {}
StoreSchema.setClass(Store);

const DeskSchema = defineEntity({
  name: 'Desk',
  properties: {
    id: p.integer().primary(),
    store: () => p.manyToOne(Store).ref().deleteRule('restrict').updateRule('restrict'),
    sales: amount().default(0),
  },
});
class Desk extends DeskSchema.class {}
DeskSchema.setClass(Desk);

const SaleSchema = defineEntity({
  name: 'Sale',
  properties: {
    id: p.integer().primary(),
    desk: () => p.manyToOne(Desk).ref().deleteRule('restrict').updateRule('restrict'),
    amount: amount(),
  },
});
class Sale extends SaleSchema.class {}
SaleSchema.setClass(Sale);

const sales = {
  entities: [Region, Store, Desk, Sale],
  counters: ['desk', 'desk.store', 'desk.store.region'].map(by =>
    defineCounter({ counted: Sale, by, into: 'sales', sum: 'amount' } as never),
  ),
};

// SQLite rounds nothing, and the engine refuses there what a column cannot hold.
describeOnServers('a value that the database rounds', kind => {
  const schema = useSchema(kind, sales);

  /** Adds two regions with a store each, two desks in the first, and a sale of 1.00; returns what has them loaded. */
  async function addSales() {
    const em = schema.em();
    const regions = [em.create(Region, {}), em.create(Region, {})] as const;
    const stores = [em.create(Store, { region: regions[0] }), em.create(Store, { region: regions[1] })] as const;
    const desks = [em.create(Desk, { store: stores[0] }), em.create(Desk, { store: stores[1] })] as const;
    const sale = em.create(Sale, { desk: desks[0], amount: '1.00' });
    await em.flush();
    return { em, regions, stores, desks, sale };
  }

  /** Returns the stored sums of a table's rows, by their ids. */
  const stored = async (table: string): Promise<number[]> =>
    (await schema.rows(`select sales from ${table} order by id`)).map(({ sales: sum }) => Number(sum));

  it('a value that the database rounds is counted as the database has it at every level, by where the rows between have moved in the same flush', async () => {
    const { em, regions, stores, desks, sale } = await addSales();
    sale.amount = '2.006';
    desks[0].store = em.getReference(Store, stores[1].id, { wrapped: true });
    stores[0].region = em.getReference(Region, regions[1].id, { wrapped: true });
    stores[1].region = em.getReference(Region, regions[0].id, { wrapped: true });
    await em.flush();
    expect([await stored('desk'), await stored('store'), await stored('region')]).toEqual([
      [2.01, 0],
      [0, 2.01],
      [2.01, 0],
    ]);
    expect([...desks, ...stores, ...regions].map(row => Number(row.sales))).toEqual([2.01, 0, 0, 2.01, 2.01, 0]);
  });

  it('a value that the database rounds is shown by all loaded targets after a bulk write that moves the rows to targets of which nobody knew before', async () => {
    const { em, regions, stores, desks } = await addSales();
    await updateWhere(em, Sale, { desk: desks[0].id }, { desk: desks[1].id, amount: '3.006' });
    expect([await stored('desk'), await stored('store'), await stored('region')]).toEqual([
      [0, 3.01],
      [0, 3.01],
      [0, 3.01],
    ]);
    expect([...desks, ...stores, ...regions].map(row => Number(row.sales))).toEqual([0, 3.01, 0, 3.01, 0, 3.01]);
  });
});
