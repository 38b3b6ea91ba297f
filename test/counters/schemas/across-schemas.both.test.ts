import { randomUUID } from 'node:crypto';
import type { Opt, Ref } from '@mikro-orm/core';
import { Entity, ManyToOne, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
import { MikroORM } from '@mikro-orm/sql';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { defineCounter, installTriggers, recount, verify } from 'mikro-orm-counters';
import type { Database } from '../../../src/database/database.js';
import { describeOnEngineDatabases, engineServerKinds, freshUrl, strategy } from '../../support/databases.js';
import { schemaOptions } from '../../support/schema.js';

const shared = `shared_${randomUUID().slice(0, 8)}`;

/** A target that all programs share, in a schema of its own. */
@Entity({ tableName: 'city', schema: shared })
class City {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly houseCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly parkCount: Opt<number> = 0;
}

/** A counted row of this program, whose target is in another schema. */
@Entity({ tableName: 'house' })
class House {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => City, { ref: true, deleteRule: 'restrict', updateRule: 'restrict' })
  city!: Ref<City>;
}

/** A target of this program. */
@Entity({ tableName: 'street' })
class Street {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly treeCount: Opt<number> = 0;
}

/** A counted row in the shared schema, whose target is in this program's. */
@Entity({ tableName: 'tree', schema: shared })
class Tree {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Street, { ref: true, deleteRule: 'restrict', updateRule: 'restrict' })
  street!: Ref<Street>;
}

const cities = {
  entities: [City, House, Street, Tree],
  counters: [
    defineCounter({ counted: House, by: 'city', into: 'houseCount' }),
    defineCounter({ counted: Tree, by: 'street', into: 'treeCount' }),
  ],
};

describeOnEngineDatabases(
  'a target in another schema than its counted rows',
  kind => {
    let database: Database;
    let dropUrl: () => Promise<void>;
    const run = (sql: string) => database.em.getConnection().execute(sql, [], 'run');
    beforeAll(async () => {
      const { url, drop } = freshUrl(kind);
      dropUrl = drop;
      database = await MikroORM.init((await schemaOptions(url, cities)) as never);
      // As MikroORM itself makes tables and foreign keys of several schemas.
      await database.schema.create();
      if (strategy === 'triggers') await installTriggers(database.em);
    });
    afterAll(async () => {
      await run(`drop table house`);
      if (kind !== 'postgresql') await run(`drop schema ${shared}`);
      await database.close(true);
      await dropUrl();
    });

    it('creating, moving and removing rows keeps its counts exact, and verify and recount agree', async () => {
      const em = database.em.fork();
      const [first, second] = [em.create(City, {}), em.create(City, {})];
      const street = em.create(Street, {});
      const houses = [first, first, second].map(city => em.create(House, { city }));
      const tree = em.create(Tree, { street });
      await em.flush();
      expect([first.houseCount, second.houseCount, street.treeCount]).toEqual([2, 1, 1]);
      const again = database.em.fork();
      const house = await again.findOneOrFail(House, houses[0]!.id);
      house.city = again.getReference(City, second.id, { wrapped: true });
      again.remove(await again.findOneOrFail(House, houses[1]!.id));
      again.remove(await again.findOneOrFail(Tree, tree.id));
      await again.flush();
      for (const entity of [first, second, street]) await em.refresh(entity);
      expect([first.houseCount, second.houseCount, street.treeCount]).toEqual([0, 2, 0]);
      await run(`update ${shared}.city set house_count = 9`);
      for (const schema of [undefined, 'elsewhere'])
        for await (const { drifts } of verify(database.em.fork({ schema }), City))
          expect(drifts.map(({ actual }) => actual)).toEqual([0, 2]);
      await em.transactional(async inner => {
        for (const { id } of [first, second]) await recount(inner, City, [id]);
      });
      for await (const { drifts } of verify(em, City)) expect(drifts).toEqual([]);
      for await (const { drifts } of verify(em, Street)) expect(drifts).toEqual([]);
    });
  },
  engineServerKinds,
);
