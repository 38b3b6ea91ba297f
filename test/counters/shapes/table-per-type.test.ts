import { defineEntity, MikroORM, p, type EntityClass } from '@mikro-orm/core';
import { counterMigration, installTriggers, type Counter } from 'mikro-orm-counters';
import { expect, it, onTestFinished } from 'vitest';
import { describeOnEngineDatabases, strategy } from '../../support/databases.js';
import { freshSchema, schemaOptions, useSchema } from '../../support/schema.js';
import { Company, fleets, Truck } from '../models/fleets.js';

const key = () => p.integer().primary();
const count = () => p.integer().unsigned().default(0);

/** Returns an entity whose options the types would not take together. */
function entity(name: string, properties: object, options: object = {}): EntityClass<object> {
  return defineEntity({ name, ...options, properties } as never) as never;
}

it.each<[problem: string, counter: Partial<Counter>, of: { rule?: string; type?: object; own?: object }]>([
  [
    'the property has the column signed in another entity of the same root',
    { where: { sign: true } },
    { own: { sign: p.boolean().default(false) } },
  ],
  ['"seen" is the column seen of place, and "amount" stands in shop', { touch: 'seen' }, {}],
  ['different schemas', {}, { type: { schema: 'other' } }],
  ['by the delete rule', {}, { rule: 'cascade' }],
])(
  'what would not be counted where each type has a table is refused: %s',
  async (problem, counter, { rule = 'restrict', type, own }) => {
    const Place = entity('Place', { id: key(), seen: p.integer().default(0) }, { inheritance: 'tpt' });
    const Shop = entity('Shop', { amount: count() }, { extends: Place });
    const Thing = entity(
      'Thing',
      {
        id: key(),
        flag: p.boolean().default(false),
        owner: () => p.manyToOne(Place).nullable().deleteRule(rule),
      },
      { inheritance: 'tpt' },
    );
    const Gadget = entity(
      'Gadget',
      { shop: () => p.manyToOne(Shop).deleteRule('restrict'), ...own },
      { extends: Thing, ...type },
    );
    const counters = [
      {
        counted: (Gadget as unknown as { class: EntityClass<object> }).class,
        by: 'shop',
        into: 'amount',
        ...counter,
      } as Counter,
    ];
    // Of a type that does not extend the other one.
    const Widget = entity('Widget', { sign: p.boolean().fieldName('signed').default(false) }, { extends: Thing });
    const entities = [Place, Shop, Thing, Widget, Gadget];
    const start = async () => new MikroORM((await schemaOptions('sqlite::memory:', { entities, counters })) as never);
    await expect(start()).rejects.toMatchObject({
      code: 'COUNTER_DECLARATION',
      message: expect.stringMatching(
        problem === 'by the delete rule' ? /the delete rule "cascade"/ : new RegExp(problem),
      ) as string,
    });
  },
);

describeOnEngineDatabases('triggers of rows with a table for each type', kind => {
  const schema = useSchema(kind, fleets(kind));

  it('triggers are refused with the columns and their tables where rows with a table for each type are counted by several', async () => {
    await expect(installTriggers(schema.em())).rejects.toThrow(
      kind === 'sqlite' || kind === 'postgresql'
        ? 'Party.truckCount counts rows of truck by owner_id of vehicle, and a trigger sees the rows of one table alone. Keep it with hooks'
        : /Party.rentedCount counts rows of truck, which go with their rows of vehicle by a foreign key.*Keep it with hooks/,
    );
  });

  it('keep a counter that is added to a live table, and its column stands in the table of its type', async () => {
    const { database, drop } = await freshSchema(kind, fleets(kind), strategy);
    onTestFinished(drop);
    const em = () => database.em.fork();
    const writer = em();
    const company = writer.create(Company, {});
    await writer.flush();
    writer.create(Truck, { owner: company, lessee: company });
    await writer.flush();
    const run = (sql: string) => database.em.getConnection().execute(sql, [], 'run');
    const seesTypes = kind === 'sqlite' || kind === 'postgresql';
    await run('alter table party drop column vehicle_count');
    if (seesTypes) await run('alter table company drop column leased_count');
    else
      await expect(counterMigration(em(), 'Company.leasedCount').up()).rejects.toMatchObject({
        code: 'COUNTER_STRATEGY',
      });
    const added = ['Party.vehicleCount', ...(seesTypes ? ['Company.leasedCount'] : [])];
    await counterMigration(em(), added).run();
    expect(await em().findOneOrFail(Company, company.id)).toMatchObject({ vehicleCount: 1, leasedCount: 1 });
    // A server that does not know the counters.
    await run('update vehicle set sold_at = null, weight = 2');
    if (seesTypes) await run('update truck set lessee_id = null');
    const other = em();
    other.create(Truck, { owner: company.id, lessee: company.id });
    await other.flush();
    await counterMigration(em(), added).finish();
    const leasedCount = seesTypes ? 1 : 2;
    expect(await em().findOneOrFail(Company, company.id)).toMatchObject({ leasedCount, vehicleCount: 2 });
  });
});
