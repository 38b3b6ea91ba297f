import { expect, it } from 'vitest';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { deleteWhere, insertMany, recount, updateWhere, verify } from 'mikro-orm-counters';
import { describeOnEngineDatabases, strategy } from '../../support/databases.js';
import { useCaselessKeys } from '../../support/caseless-keys.js';
import { expectExact } from '../../support/exact-counts.js';
import { useSchema, type Schema } from '../../support/schema.js';
import { kindsOfKeys, models, type Keyed, type ModelOfKind, type Row, type Target } from '../models/kinds-of-keys.js';

/** Returns the values of a key's properties. */
function named({ names }: ModelOfKind, key: readonly unknown[]): object {
  return Object.fromEntries(names.map((name, index) => [name, key[index]]));
}

function plain(key: readonly unknown[]): never {
  return (key.length === 1 ? key[0] : key) as never;
}

/** Saves a target for each key. */
async function addTargets(schema: Schema, model: ModelOfKind): Promise<void> {
  const em = schema.em();
  for (const key of model.keys) em.create(model.Target, named(model, key) as never);
  await em.flush();
}

/** Returns the loaded targets, in the order of the kind's keys. */
async function loadTargets(em: SqlEntityManager, { Target: entity, keys }: ModelOfKind): Promise<Target[]> {
  const targets: Target[] = [];
  for (const key of keys) targets.push(await em.findOneOrFail(entity, plain(key)));
  return targets;
}

function sizes(targets: readonly Target[], count = 3): number[] {
  return targets.slice(0, count).map(({ size }) => size);
}

describeOnEngineDatabases('keys', kind => {
  const schema = useSchema(kind, kindsOfKeys);
  const cases = models.map(model => [model.name, model] as const);
  // MikroORM's own bulk writes do not convert the parts of a composite key to what the database stores.
  const byOneValue = cases.filter(([name]) => !['mixed', 'mixed_plain'].includes(name));

  it.each(cases)(
    'rows of targets with a key of the kind %s are created, moved, unset and removed',
    async (_, model) => {
      await addTargets(schema, model);
      const watching = schema.em();
      const shown = await loadTargets(watching, model);
      const rows: Row[] = [0, 0, 1].map(index => watching.create(model.Row, { target: shown[index]! } as never));
      await watching.flush();
      await expectExact(schema, ...model.counts);
      expect(sizes(shown)).toEqual([2, 1, 0].slice(0, shown.length));

      const em = schema.em();
      const again = await em.find(model.Row, {}, { orderBy: { id: 'asc' } as never });
      // Behind the rows, which MikroORM may give references of their own that replace what was loaded before.
      const loaded = await loadTargets(em, model);
      again[0]!.target = loaded[1]!;
      await em.flush();
      await expectExact(schema, ...model.counts);
      expect(sizes(loaded)).toEqual([1, 2, 0].slice(0, loaded.length));
      again[1]!.target = null;
      em.remove(again[2]!);
      await em.flush();
      await expectExact(schema, ...model.counts);
      expect(sizes(loaded)).toEqual([0, 1, 0].slice(0, loaded.length));

      // In the manager that has made them, and by a mere reference.
      watching.remove(rows[1]!);
      await watching.flush();
      const last = schema.em();
      const seen = await loadTargets(last, model);
      last.remove(last.getReference(model.Row, rows[0]!.id as never));
      await last.flush();
      await expectExact(schema, ...model.counts);
      expect(sizes(seen)).toEqual([0, 0, 0].slice(0, seen.length));
    },
  );

  it.each(cases)('a new target with a key of the kind %s is saved with its rows', async (_, model) => {
    const em = schema.em();
    const targets: Target[] = model.keys.map(key => em.create(model.Target, named(model, key) as never));
    for (const target of targets) em.create(model.Row, { target } as never);
    await em.flush();
    expect(sizes(targets)).toEqual([1, 1, 1].slice(0, targets.length));
    em.create(model.Row, { target: targets[0]! } as never);
    await em.flush();
    expect(targets[0]!.size).toBe(2);
    await expectExact(schema, ...model.counts);
  });

  it.each(cases)('a counted row with a key of the kind %s is created, moved, changed and removed', async (_, model) => {
    const em = schema.em();
    const boxes = [em.create(model.Box, {} as never), em.create(model.Box, {} as never)] as Target[];
    await em.flush();
    const rows: Keyed[] = model.keys.map(key =>
      em.create(model.Keyed, { ...named(model, key), box: boxes[0]! } as never),
    );
    await em.flush();
    await expectExact(schema, ...model.counts);
    rows[0]!.box = boxes[1]!;
    await em.flush();
    await expectExact(schema, ...model.counts);
    expect(boxes.map(({ size }) => size)).toEqual([rows.length - 1, 1]);

    const other = schema.em();
    const found = (await other.findOneOrFail(model.Keyed, plain(model.keys[1]!))) as Keyed;
    found.box = null;
    await other.flush();
    await expectExact(schema, ...model.counts);
    other.remove(found);
    other.remove(other.getReference(model.Keyed, plain(model.keys[0]!)));
    await other.flush();
    await expectExact(schema, ...model.counts);
    expect(await schema.rows(`select k0 from ${model.name}_keyed`)).toHaveLength(rows.length - 2);
  });

  it.each(cases)('verify and recount go through targets with a key of the kind %s', async (_, model) => {
    await addTargets(schema, model);
    const em = schema.em();
    for (const [index, target] of (await loadTargets(em, model)).entries())
      for (let row = 0; row <= index; row += 1) em.create(model.Row, { target } as never);
    await em.flush();
    const chunks = await Array.fromAsync(verify(schema.em(), model.Target, { all: true }));
    expect(
      chunks
        .flatMap(({ counts }) => counts)
        .map(({ stored, actual }) => [stored, actual])
        .toSorted(),
    ).toEqual(model.keys.map((_key, index) => [index + 1, index + 1]));
    await schema.write(`update ${model.name}_target set size = 77`);
    for (const batchSize of [1, 2, 100]) {
      const found = (await Array.fromAsync(verify(schema.em(), model.Target, { batchSize }))).flatMap(
        ({ drifts }) => drifts,
      );
      expect(found.map(({ actual }) => actual).toSorted()).toEqual(model.keys.map((_key, index) => index + 1));
      const listed = await Array.fromAsync(
        verify(schema.em(), model.Target, { batchSize, keys: found.map(({ key }) => key) }),
      );
      expect(listed.flatMap(({ drifts }) => drifts)).toHaveLength(model.keys.length);
    }
    const watching = schema.em();
    const shown = await loadTargets(watching, model);
    for await (const { drifts } of verify(schema.em(), model.Target))
      for (const { key } of drifts) await watching.transactional(inner => recount(inner as never, model.Target, key));
    await expectExact(schema, ...model.counts);
    expect(shown.map(({ size }) => size)).toEqual(model.keys.map((_key, index) => index + 1));
  });

  it.each(byOneValue)('bulk writes count rows of targets and rows with a key of the kind %s', async (_, model) => {
    await addTargets(schema, model);
    const [a, b] = model.keys as [unknown[], unknown[]];
    const em = schema.em();
    const shown = await loadTargets(em, model);
    await insertMany(em, model.Row, [{ target: plain(a) }, { target: plain(a) }, { target: plain(b) }] as never);
    await expectExact(schema, ...model.counts);
    expect(sizes(shown)).toEqual([2, 1, 0].slice(0, shown.length));
    await updateWhere(em, model.Row, { target: plain(a) }, { target: plain(b) });
    await expectExact(schema, ...model.counts);
    expect(sizes(shown)).toEqual([0, 3, 0].slice(0, shown.length));
    await deleteWhere(em, model.Row, {});
    await expectExact(schema, ...model.counts);
    expect(sizes(shown)).toEqual([0, 0, 0].slice(0, shown.length));

    const boxes = [em.create(model.Box, {} as never), em.create(model.Box, {} as never)] as (Target & { id: number })[];
    await em.flush();
    const rows = model.keys.map(key => ({ ...named(model, key), box: boxes[0]!.id }));
    expect(await insertMany(em, model.Keyed, rows as never)).toBe(rows.length);
    await expectExact(schema, ...model.counts);
    expect(await updateWhere(em, model.Keyed, { k0: a[0] } as never, { box: boxes[1]!.id } as never)).toBeGreaterThan(
      0,
    );
    await expectExact(schema, ...model.counts);
    expect(await deleteWhere(em, model.Keyed, { box: boxes[0]!.id } as never)).toBeGreaterThan(0);
    await expectExact(schema, ...model.counts);
    await deleteWhere(em, model.Keyed, {});
    await expectExact(schema, ...model.counts);
  });

  // SQLite compares keys exactly.
  if (kind !== 'sqlite') {
    useCaselessKeys(schema, { 'text_keyed.k0': 'varchar(40)' });
    const model = models.find(({ name }) => name === 'text')!;

    /** Saves two boxes and a counted row of the first with the key "news". */
    async function addNews(): Promise<(Target & { id: number })[]> {
      const em = schema.em();
      const boxes = [0, 1].map(() => em.create(model.Box, {} as never)) as (Target & { id: number })[];
      em.create(model.Keyed, { k0: 'news', box: boxes[0]! } as never);
      await em.flush();
      return boxes;
    }

    it('a counted row is found by its key in another case, moved and removed', async () => {
      const boxes = await addNews();
      const em = schema.em();
      em.assign(em.getReference(model.Keyed, 'NEWS' as never), { box: boxes[1]!.id } as never);
      await em.flush();
      await expectExact(schema, ...model.counts);
      const other = schema.em();
      other.remove(other.getReference(model.Keyed, 'News' as never));
      await other.flush();
      await expectExact(schema, ...model.counts);
      expect(await schema.rows('select k0 from text_keyed')).toEqual([]);
    });

    it('two entities for one row, whose keys differ in case, are not both counted', async () => {
      const boxes = await addNews();
      const em = schema.em();
      em.assign(await em.findOneOrFail(model.Keyed, 'news' as never), { box: boxes[1]!.id } as never);
      em.remove(em.getReference(model.Keyed, 'NEWS' as never));
      const flush = em.flush();
      if (strategy === 'hooks') await expect(flush).rejects.toMatchObject({ code: 'COUNTER_CONFLICT' });
      else await flush;
      await expectExact(schema, ...model.counts);
    });
  }
});
