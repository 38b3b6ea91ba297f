import { wrap, type EntityClass } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { recount, triggerStatus, verify } from 'mikro-orm-counters';
import { describeOnEngineDatabases, strategy } from '../../support/databases.js';
import {
  Bag,
  Comment,
  expectExactTenants,
  Item,
  Note,
  openTenants,
  OtherBag,
  OtherItem,
  Page,
  Post,
  schemas,
  type Tenants,
} from '../models/tenants.js';

/** Counted rows with the names of their relation and of their count. */
const pairs = [
  [Comment, Post, 'post', 'commentCount'],
  [Note, Page, 'page', 'noteCount'],
] as const;
const own = undefined;

describeOnEngineDatabases('counting in several schemas', kind => {
  let tenants: Tenants;
  beforeAll(async () => {
    tenants = await openTenants(kind);
  });
  afterAll(() => tenants.drop());

  it.each(
    pairs.flatMap(([counted, target, by, into]) =>
      [own, schemas.a, schemas.b].map(schema => ({ name: counted.name, counted, target, by, into, schema })),
    ),
  )(
    'each write of $name with an entity manager of the schema $schema is counted there',
    async ({ counted, target, by, into, schema }) => {
      const em = tenants.em(schema);
      const entities = { counted: counted as EntityClass<object>, target: target as EntityClass<object> };
      const add = (to: object): { id: number } => em.create(entities.counted, { [by]: to } as never) as never;
      const countOf = async (id: number): Promise<unknown> =>
        ((await tenants.em(schema).findOneOrFail(entities.target, id)) as Record<string, unknown>)[into];
      const [first, second] = [em.create(entities.target, {}), em.create(entities.target, {})] as { id: number }[];
      const row = add(first!);
      await em.flush();
      expect([await countOf(first!.id), await countOf(second!.id)]).toEqual([1, 0]);
      const moved = tenants.em(schema);
      const found = await moved.findOneOrFail(entities.counted, row.id);
      Object.assign(found, { [by]: moved.getReference(entities.target, second!.id as never, { wrapped: true }) });
      await moved.flush();
      expect([await countOf(first!.id), await countOf(second!.id)]).toEqual([0, 1]);
      await moved.remove(found).flush();
      expect(await countOf(second!.id)).toBe(0);
      await expectExactTenants(tenants);
    },
  );

  it('rows with equal keys in two schemas are counted apart by one flush, and both loaded targets show it', async () => {
    const em = tenants.em();
    const targets = [schemas.a, schemas.b].map(schema => {
      const post = em.create(Post, {});
      wrap(post).setSchema(schema);
      return post;
    });
    await em.flush();
    const rows = targets.map(post => {
      const comment = em.create(Comment, { post });
      wrap(comment).setSchema(wrap(post).getSchema());
      return comment;
    });
    const more = em.create(Comment, { post: targets[1]! });
    wrap(more).setSchema(schemas.b);
    await em.flush();
    expect(targets.map(({ commentCount }) => commentCount)).toEqual([1, 2]);
    await expectExactTenants(tenants);
    for (const row of rows) em.remove(row);
    await em.flush();
    expect(targets.map(({ commentCount }) => commentCount)).toEqual([0, 1]);
    await expectExactTenants(tenants);
  });

  it('a row that was read from a schema by an option is counted there', async () => {
    const writer = tenants.em(schemas.b);
    writer.create(Comment, { post: writer.create(Post, {}) });
    await writer.flush();
    const em = tenants.em();
    const [comment] = await em.find(Comment, {}, { schema: schemas.b, orderBy: { id: 'desc' }, limit: 1 });
    await em.remove(comment!).flush();
    await expectExactTenants(tenants);
  });

  it.each([own, schemas.a])(
    'targets in fixed schemas are counted into with an entity manager of the schema %s, and equal names are no one table',
    async schema => {
      const em = tenants.em(schema);
      const [bag, other] = [em.create(Bag, {}), em.create(OtherBag, {})];
      em.create(Item, { bag });
      em.create(OtherItem, { bag: other });
      em.create(OtherItem, { bag: other });
      await em.flush();
      expect([bag.itemCount, other.itemCount]).toEqual([1, 2]);
      const again = tenants.em(schema);
      again.create(Item, { bag: bag.id });
      again.create(OtherItem, { bag: other.id });
      await again.flush();
      await em.refresh(bag);
      await em.refresh(other);
      expect([bag.itemCount, other.itemCount]).toEqual([2, 3]);
      await expectExactTenants(tenants);
    },
  );

  it('a new target of another schema than its row is refused, and nothing is written', async () => {
    const em = tenants.em(schemas.a);
    const post = em.create(Post, {});
    wrap(post).setSchema(schemas.b);
    em.create(Comment, { post });
    await expect(em.flush()).rejects.toMatchObject({ code: 'COUNTER_TARGET_MISSING' });
    await expectExactTenants(tenants);
  });

  it('verify and recount find and repair the drift of their schema alone', async () => {
    const places: [SqlEntityManager, string][] = [own, schemas.a, schemas.b].map(schema => [
      tenants.em(schema),
      schema === undefined ? 'post' : `${schema}.post`,
    ]);
    for (const [em] of places) {
      em.create(Comment, { post: em.create(Post, { title: 'drifts' }) });
      await em.flush();
    }
    const [, [, wrong]] = places as [unknown, [unknown, string]];
    await tenants.rows(`update ${wrong} set comment_count = 77 where title = 'drifts'`);
    for (const [em, table] of places) {
      const found = [];
      for await (const { drifts } of verify(em, Post)) found.push(...drifts);
      expect(found.map(({ stored, actual }) => [stored, actual])).toEqual(table === wrong ? [[77, 1]] : []);
      for (const { key } of found) await em.transactional(inner => recount(inner, Post, key));
    }
    await expectExactTenants(tenants);
  });

  it('verify and recount of a target in a fixed schema count the rows of that schema, whatever the entity manager has', async () => {
    const em = tenants.em(schemas.a);
    const bag = em.create(Bag, {});
    em.create(Item, { bag });
    await em.flush();
    await tenants.rows(`update ${schemas.one}.bag set item_count = 9 where id = ${bag.id}`);
    await em.transactional(inner => recount(inner, Bag, [bag.id]));
    expect(bag.itemCount).toBe(1);
    for await (const { drifts } of verify(tenants.em(schemas.b), Bag)) expect(drifts).toEqual([]);
    await expectExactTenants(tenants);
  });

  it('the status of the triggers is that of the schema of the entity manager', async () => {
    for (const schema of [own, schemas.a, schemas.b]) {
      const { present, missing, different, superfluous, foreign } = await triggerStatus(tenants.em(schema));
      expect({ different, superfluous, foreign }).toEqual({ different: [], superfluous: [], foreign: [] });
      expect(strategy === 'triggers' ? missing : present).toEqual([]);
    }
  });
});
