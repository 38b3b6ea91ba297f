import type { EntityMetadata } from '@mikro-orm/core';
import { describe, expect, it } from 'vitest';
import type { CounterStrategy } from 'mikro-orm-counters';
import type { DatabaseKind } from '../../../src/database/dialects/dialect.js';
import type { Options } from '../../../src/database/orm-options.js';
import { describeOnFirstThree, describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema, type Schema } from '../../support/schema.js';
import { Category, expectExactTree, tree } from '../models/tree.js';

async function addCategory(schema: Schema, parent: number | null = null, hidden = false): Promise<number> {
  const em = schema.em();
  const category = em.create(Category, { name: 'A category', parent, hidden });
  await em.flush();
  return category.id;
}

async function childrenOf(schema: Schema, id: number): Promise<number> {
  const [row] = await schema.rows<{ child_count: number }>('select child_count from category where id = ?', [id]);
  return Number(row!.child_count);
}

describeOnEngineDatabases('a table that counts its own rows', kind => {
  const schema = useSchema(kind, tree);

  it('creating a child increments the count of its parent in the same table', async () => {
    const parent = await addCategory(schema);
    await addCategory(schema, parent);
    await addCategory(schema, parent, true);
    expect(await childrenOf(schema, parent)).toBe(2);
    await expectExactTree(schema);
  });

  it('removing a child through the entity manager decrements the count of its parent once', async () => {
    const parent = await addCategory(schema);
    const child = await addCategory(schema, parent);
    await addCategory(schema, parent);
    const em = schema.em();
    em.remove(await em.findOneOrFail(Category, child, { populate: ['parent'] }));
    await em.flush();
    expect(await childrenOf(schema, parent)).toBe(1);
    await expectExactTree(schema);
  });

  it('a parent, its child and its grandchild are created in one flush', async () => {
    const em = schema.em();
    const parent = em.create(Category, { name: 'Parent' });
    const child = em.create(Category, { name: 'Child', parent });
    em.create(Category, { name: 'Grandchild', parent: child, hidden: true });
    em.create(Category, { name: 'Second child', parent });
    await em.flush();
    expect([await childrenOf(schema, parent.id), await childrenOf(schema, child.id)]).toEqual([2, 1]);
    expect([parent.childCount, child.childCount, child.hiddenCount]).toEqual([2, 1, 1]);
    await expectExactTree(schema);
  });

  it('a child is created before its parent in one flush', async () => {
    const em = schema.em();
    const child = em.create(Category, { name: 'Child' });
    const parent = em.create(Category, { name: 'Parent' });
    em.assign(child, { parent });
    await em.flush();
    expect(await childrenOf(schema, parent.id)).toBe(1);
    await expectExactTree(schema);
  });

  it('adding children through the collection counts them', async () => {
    const id = await addCategory(schema);
    const em = schema.em();
    const parent = await em.findOneOrFail(Category, id, { populate: ['children'] });
    parent.children.add(em.create(Category, { name: 'Child' }));
    await em.flush();
    expect([parent.childCount, await childrenOf(schema, id)]).toEqual([1, 1]);
    await expectExactTree(schema);
  });

  it('moving a subtree counts it, even if its root changes in the same flush', async () => {
    const [from, to] = [await addCategory(schema), await addCategory(schema)];
    const root = await addCategory(schema, from);
    await addCategory(schema, root);
    const em = schema.em();
    em.assign(await em.findOneOrFail(Category, root), { parent: to, name: 'Moved', hidden: true });
    await em.flush();
    expect([await childrenOf(schema, from), await childrenOf(schema, to), await childrenOf(schema, root)]).toEqual([
      0, 1, 1,
    ]);
    await expectExactTree(schema);
  });

  it('a row can be its own parent', async () => {
    const id = await addCategory(schema);
    const em = schema.em();
    const self = await em.findOneOrFail(Category, id);
    em.assign(self, { parent: self });
    await em.flush();
    expect([self.childCount, await childrenOf(schema, id)]).toEqual([1, 1]);
    await expectExactTree(schema);
    em.assign(self, { parent: null });
    await em.flush();
    await expectExactTree(schema);
  });

  it('removing a parent together with its children keeps the counts exact', async () => {
    const grandparent = await addCategory(schema);
    const parent = await addCategory(schema, grandparent);
    const children = [await addCategory(schema, parent), await addCategory(schema, parent, true)];
    const em = schema.em();
    for (const child of await em.find(Category, { id: children })) em.remove(child);
    await em.flush();
    await expectExactTree(schema);
    em.remove(await em.findOneOrFail(Category, parent));
    await em.flush();
    expect(await childrenOf(schema, grandparent)).toBe(0);
    await expectExactTree(schema);
  });

  it('children move to their grandparent while their parent is removed', async () => {
    const grandparent = await addCategory(schema);
    const parent = await addCategory(schema, grandparent);
    const child = await addCategory(schema, parent);
    const em = schema.em();
    em.assign(await em.findOneOrFail(Category, child), { parent: grandparent });
    em.remove(await em.findOneOrFail(Category, parent));
    await em.flush();
    expect(await childrenOf(schema, grandparent)).toBe(1);
    await expectExactTree(schema);
  });
});

for (const deleteRule of ['cascade', 'set null'] as const) {
  const options = {
    discovery: {
      onMetadata({ properties }: EntityMetadata<Category>) {
        properties.parent.deleteRule = deleteRule;
      },
    },
  } as Options;
  const expectCounts = (kind: DatabaseKind, strategy: CounterStrategy): void => {
    const schema = useSchema(kind, { ...tree, options }, strategy);

    it(`removing a category is counted with the rule "${deleteRule}" and ${strategy}`, async () => {
      const top = await addCategory(schema);
      const middle = await addCategory(schema, top);
      const low = await addCategory(schema, middle);
      const [moved, lowest] = [await addCategory(schema, low), await addCategory(schema, low, true)];
      const em = schema.em();
      em.assign(await em.findOneOrFail(Category, moved), { parent: top });
      em.assign(await em.findOneOrFail(Category, lowest), { hidden: false });
      em.remove(await em.findOneOrFail(Category, middle));
      await em.flush();
      expect(await childrenOf(schema, top)).toBe(1);
      expect(await schema.rows('select id from category')).toHaveLength(deleteRule === 'cascade' ? 2 : 4);
      await expectExactTree(schema);
    });
  };
  describeOnFirstThree('a table whose rows take their own along, or set them free', kind =>
    expectCounts(kind, 'hooks'),
  );
  // Triggers of the servers cannot count rows of their own table.
  describe('such a table with triggers', () => {
    expectCounts('sqlite', 'triggers');
  });
}
