import { defineEntity, p } from '@mikro-orm/core';
import { deleteWhere, insertMany, recount, updateWhere, verify, type Counter } from 'mikro-orm-counters';
import { expect, it } from 'vitest';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { expectExact } from '../../support/exact-counts.js';
import { useSchema } from '../../support/schema.js';

const shades = ['pale', 'dark', 'blue'] as const;

const ShelfSchema = defineEntity({
  name: 'Shelf',
  tableName: 'shaded_shelf',
  properties: {
    shade: p.enum(shades).nativeEnumName('shade').primary(),
    size: p.integer().unsigned().default(0),
  },
});
/** A target whose key is a value of a type of the database, which puts its values in another order than their texts. */
class Shelf extends ShelfSchema.class {}
ShelfSchema.setClass(Shelf);

const VolumeSchema = defineEntity({
  name: 'Volume',
  tableName: 'shaded_volume',
  properties: {
    id: p.integer().primary(),
    shelf: () => p.manyToOne(Shelf).nullable().deleteRule('restrict').updateRule('restrict'),
  },
});
/** A row that is counted by such a key. */
class Volume extends VolumeSchema.class {}
VolumeSchema.setClass(Volume);

const counters: Counter[] = [{ counted: Volume, by: 'shelf', into: 'size' }];

// MySQL and MariaDB have the enumeration among the kinds of keys, and SQLite has no type for it.
describeOnEngineDatabases(
  'keys of an enumeration',
  kind => {
    const schema = useSchema(kind, { entities: [Shelf, Volume], counters });
    const exact = (): Promise<void> =>
      expectExact(schema, {
        target: 'shaded_shelf',
        column: 'size',
        counted: 'shaded_volume',
        by: { shade: 'shelf_shade' },
      });

    it('rows whose targets have an enumeration of PostgreSQL as their key are counted, verified and recounted', async () => {
      const em = schema.em();
      const shelves = shades.map(shade => em.create(Shelf, { shade }));
      await em.flush();
      const volumes = [0, 0, 1].map(index => em.create(Volume, { shelf: shelves[index]! }));
      await em.flush();
      expect(shelves.map(({ size }) => size)).toEqual([2, 1, 0]);
      volumes[0]!.shelf = shelves[2]!;
      em.remove(volumes[2]!);
      await em.flush();
      await exact();
      await insertMany(em, Volume, [{ shelf: 'dark' }, { shelf: 'blue' }]);
      await exact();
      await updateWhere(em, Volume, { shelf: 'blue' }, { shelf: 'pale' });
      await exact();
      await deleteWhere(em, Volume, { shelf: 'dark' });
      await exact();
      expect((await schema.em().findOneOrFail(Shelf, 'pale')).size).toBe(3);
      await schema.write("update shaded_shelf set size = 7 where shade = 'dark'");
      const found = await Array.fromAsync(verify(schema.em(), Shelf, { batchSize: 1 }));
      expect(found.flatMap(({ drifts }) => drifts)).toMatchObject([{ key: ['dark'], stored: 7, actual: 0 }]);
      await schema.em().transactional(inner => recount(inner, Shelf, ['dark']));
      await exact();
    });
  },
  ['postgresql'],
);
