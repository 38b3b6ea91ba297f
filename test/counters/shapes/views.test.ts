import { defineEntity, p, type EntityClass } from '@mikro-orm/core';
import { expect, it } from 'vitest';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { expectExact } from '../../support/exact-counts.js';
import { useSchema } from '../../support/schema.js';

const Shelf = defineEntity({
  name: 'Shelf',
  tableName: 'shelf',
  properties: { id: p.integer().primary(), jarCount: p.integer().unsigned().default(0) },
});

const Jar = defineEntity({
  name: 'Jar',
  tableName: 'jar',
  properties: { id: p.integer().primary(), shelf: () => p.manyToOne(Shelf).deleteRule('restrict') },
});

const JarView = defineEntity({
  name: 'JarView',
  tableName: 'jar_view',
  view: true,
  expression: 'select id, shelf_id from jar',
  properties: { id: p.integer().primary(), shelf: () => p.manyToOne(Shelf) },
});

describeOnEngineDatabases('a view of counted rows', kind => {
  const schema = useSchema(kind, {
    entities: [Shelf, Jar] as unknown as EntityClass<object>[],
    counters: [{ counted: Jar.class, by: 'shelf', into: 'jarCount' }],
  });

  it('rows cannot be written through a view, by which the counts would not change', async () => {
    schema.database.discoverEntity(JarView);
    const em = schema.em();
    const shelf = em.create(Shelf, {});
    em.create(Jar, { shelf });
    await em.flush();
    const writes = [
      em.insert(JarView, { id: 9, shelf: shelf.id }),
      em.nativeUpdate(JarView, {}, { shelf: 3 }),
      em.nativeDelete(JarView, {}),
    ];
    for (const write of writes)
      await expect(write).rejects.toMatchObject({
        code: 'COUNTER_BYPASS',
        message: expect.stringMatching(/on the view JarView.*Write Jar instead/),
      });
    await expectExact(schema, { target: 'shelf', column: 'jar_count', counted: 'jar', by: { id: 'shelf_id' } });
  });
});
