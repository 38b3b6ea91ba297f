import { ref } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { deleteWhere, insertMany, recountAll, updateWhere, verify } from 'mikro-orm-counters';
import { expect, it } from 'vitest';
import { describeOnEngineDatabases, strategy } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { Animal, animals, Cat, Dog, expectExactAnimals, Keeper, Lover, Puppy } from '../models/animals.js';

describeOnEngineDatabases('rows of several types in one table', kind => {
  const schema = useSchema(kind, animals);
  const exact = (): Promise<void> => expectExactAnimals(schema);

  /** Saves two keepers with an animal of each type, the first one a lover. */
  async function add(em: SqlEntityManager): Promise<[lover: Lover, keeper: Keeper]> {
    const [lover, keeper] = [em.create(Lover, {}), em.create(Keeper, {})];
    for (const one of [lover, keeper]) {
      em.create(Dog, { keeper: one, lover, loud: true });
      em.create(Puppy, { keeper: one });
      em.create(Cat, { keeper: one });
    }
    await em.flush();
    return [lover, keeper];
  }

  const shown = ({ animalCount, dogCount, puppyCount, loudCount, lovedCount }: Keeper): number[] => [
    animalCount,
    dogCount,
    puppyCount,
    loudCount,
    lovedCount,
  ];

  function all(em: SqlEntityManager): Promise<Dog[]> {
    return em.find(Animal, {}, { orderBy: { id: 'asc' } });
  }

  it('a row that is created counts as its own type and as those that it extends', async () => {
    const [lover, keeper] = await add(schema.em());
    await exact();
    expect([lover, keeper].map(shown)).toEqual([
      [3, 2, 1, 1, 2],
      [3, 2, 1, 1, 0],
    ]);
  });

  it('rows of several types move, change and are removed in one flush each', async () => {
    await add(schema.em());
    const em = schema.em();
    const [lover, keeper] = await em.find(Keeper, {}, { orderBy: { id: 'asc' } });
    for (const animal of await all(em)) em.assign(animal, { keeper: keeper! });
    await em.flush();
    await exact();
    expect([lover!, keeper!].map(shown)).toEqual([
      [0, 0, 0, 0, 2],
      [6, 4, 2, 2, 0],
    ]);
    for (const animal of await em.find(Dog, {})) em.assign(animal, { loud: !animal.loud, lover: lover! });
    for (const cat of await em.find(Cat, {})) em.assign(cat, { host: null, keeper: lover! });
    await em.flush();
    await exact();
    expect([lover!, keeper!].map(shown)).toEqual([
      [2, 0, 0, 0, 4],
      [4, 4, 2, 2, 0],
    ]);
    const last = schema.em();
    for (const animal of await all(last)) last.remove(animal);
    for (const one of await last.find(Keeper, {})) last.remove(one);
    await last.flush();
    expect(await schema.rows('select id from keeper')).toEqual([]);
  });

  it('bulk writes of one type count that type alone', async () => {
    const em = schema.em();
    const [lover, keeper] = await add(em);
    await insertMany(em, Dog, [{ keeper, loud: true }, { keeper: lover }]);
    await insertMany(em, Puppy, [{ keeper, lover }]);
    await insertMany(em, Cat, [{ keeper, host: keeper }]);
    await exact();
    expect([lover, keeper].map(shown)).toEqual([
      [4, 3, 1, 1, 3],
      [6, 4, 2, 2, 0],
    ]);
    expect(await updateWhere(em, Puppy, { keeper }, { keeper: lover, loud: true })).toBe(2);
    await exact();
    expect(await updateWhere(em, Cat, {}, { keeper: null, host: lover })).toBe(3);
    await exact();
    expect([lover, keeper].map(shown)).toEqual([
      [5, 5, 3, 3, 3],
      [2, 2, 0, 2, 0],
    ]);
    expect(await deleteWhere(em, Puppy, {})).toBe(3);
    await exact();
    expect(await deleteWhere(em, Cat, {})).toBe(3);
    expect(await deleteWhere(em, Animal, {})).toBe(4);
    expect([lover, keeper].map(shown)).toEqual([
      [0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0],
    ]);
    await exact();
  });

  it('a write that changes the type of rows is counted', async () => {
    const em = schema.em();
    const [lover] = await add(em);
    for (const cat of await em.find(Cat, { keeper: lover })) cat.host = ref(lover);
    await em.flush();
    await exact();
    expect(await updateWhere(em, Dog, { kind: 'puppy' } as never, { kind: 'cat' } as never)).toBe(2);
    await exact();
    // What was the host of a cat is the lover of a dog.
    expect(await updateWhere(em, Cat, {}, { kind: 'dog' } as never)).toBe(4);
    await exact();
    expect(shown(lover)).toEqual([3, 3, 0, 1, 3]);
  });

  it('verify finds and a recount repairs what other programs leave', async () => {
    await add(schema.em());
    await schema.write('update keeper set dog_count = 7, loved_count = 7');
    const drifts = [];
    for await (const chunk of verify(schema.em(), Lover)) drifts.push(...chunk.drifts);
    expect(drifts.map(({ counter, actual }) => [counter, actual])).toEqual([
      ['Keeper.dogCount', 2],
      ['Keeper.lovedCount', 2],
      ['Keeper.dogCount', 2],
      ['Keeper.lovedCount', 0],
    ]);
    await recountAll(schema.em(), {});
    await exact();
  });

  it('writes that fire no hooks are refused for every type of the table', async () => {
    const em = schema.em();
    const [lover] = await add(em);
    if (strategy === 'triggers') {
      await em.nativeDelete(Cat, {});
      await em.nativeUpdate(Dog, {}, { keeper: lover });
      return exact();
    }
    const refusals = [
      em.nativeDelete(Cat, {}),
      em.nativeUpdate(Dog, {}, { keeper: lover }),
      em.nativeUpdate(Cat, {}, { host: lover }),
      em.nativeUpdate(Puppy, {}, { kind: 'dog' } as never),
      em.insert(Cat, { keeper: lover, kind: 'cat' } as never),
    ];
    for (const refusal of refusals) await expect(refusal).rejects.toMatchObject({ code: 'COUNTER_BYPASS' });
    await expect(em.nativeUpdate(Lover, {}, { dogCount: 3 })).rejects.toMatchObject({
      code: 'COUNTER_ASSIGNED',
    });
    const other = schema.em();
    (await other.findOneOrFail(Keeper, lover.id)).dogs.removeAll();
    await expect(other.flush()).rejects.toMatchObject({ code: 'COUNTER_BYPASS' });
    await em.nativeUpdate(Cat, {}, { name: 'Tom' });
    return exact();
  });
});
