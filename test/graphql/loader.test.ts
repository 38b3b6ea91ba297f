import type { GraphQLObjectType } from 'graphql';
import { beforeEach, expect, it } from 'vitest';
import { EnrollmentStatus } from '../../src/entities/index.js';
import { Loader } from '../../src/graphql/lists/loader.js';
import { loadersFor } from '../../src/graphql/lists/loaders.js';
import { allProperties } from '../../src/graphql/lists/selected-properties.js';
import { graphqlSchema } from '../../src/graphql/schema.js';
import { CountPrecision } from '../../src/graphql/types/enums.js';
import { useDatabase } from '../support/databases.js';

let batches: number[][];
let loader: Loader<number, { readonly read: number } | null>;

beforeEach(() => {
  batches = [];
  loader = new Loader(ids => {
    batches.push([...ids]);
    return Promise.resolve(ids.map(id => (id === 0 ? null : { read: id })));
  }, 3);
});

it('values are read in batches, each once, and no batch is larger than its limit', async () => {
  expect(await Promise.all([1, 2, 1, 3, 4].map(id => loader.load(id)))).toEqual(
    [1, 2, 1, 3, 4].map(id => ({ read: id })),
  );
  expect(batches).toEqual([[1, 2, 3], [4]]);
});

it('a value that was taken is not read, and needs no promise', async () => {
  const taken = { read: 7 };
  loader.take(7, taken);
  expect(loader.get(7)).toBe(taken);
  expect(loader.ready(7)).toBe(taken);
  await expect(loader.load(7)).resolves.toBe(taken);
  expect(batches).toEqual([]);
});

it('a value that was read needs no promise any more, also if there is none', async () => {
  expect(loader.ready(0)).toBeUndefined();
  await loader.load(0);
  expect(loader.get(0)).toBeNull();
  expect(batches).toEqual([[0]]);
});

it('values are read again after the loader was cleared, also those that were being read then', async () => {
  const begun = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<string>();
  const slow = new Loader<number, { readonly read: string }>(async ids => {
    begun.resolve();
    const text = await finish.promise;
    return ids.map(id => ({ read: `${text} ${id}` }));
  });
  slow.take(2, { read: 'taken' });
  const first = slow.load(1);
  await begun.promise;
  slow.clear();
  finish.resolve('read');
  await expect(first).resolves.toEqual({ read: 'read 1' });
  expect(slow.ready(1)).toBeUndefined();
  expect(slow.ready(2)).toBeUndefined();
  await expect(slow.load(2)).resolves.toEqual({ read: 'read 2' });
});

it('a failed read fails for all who wait for it', async () => {
  const failing = new Loader<number, number>(() => Promise.reject(new Error('lost')));
  const waiting = [failing.load(1), failing.load(2)];
  for (const one of waiting) await expect(one).rejects.toThrow('lost');
  expect(failing.ready(1)).toBeUndefined();
});

const data = useDatabase('sqlite');

it('a computed count that came with its page is answered without a promise, and any other is loaded', async () => {
  const loaders = loadersFor(data.database, null, allProperties);
  loaders.joinedCounts(10_000).take(7, { count: 3, exact: true });
  const { enrollmentsCount } = (graphqlSchema().getType('Course') as GraphQLObjectType).getFields();
  const answer = (id: number, request: object): unknown =>
    enrollmentsCount!.resolve!({ id }, request, { loaders }, {} as never);
  expect(answer(7, { limit: 10_000 })).toEqual({ count: 3, precision: CountPrecision.EXACT });
  // No course has these ids, so a count that is loaded is 0.
  const loaded = [
    answer(8, { limit: 10_000 }),
    answer(7, { limit: 9 }),
    answer(7, { limit: 10_000, status: [EnrollmentStatus.DROPPED] }),
  ];
  loaders.forget();
  loaded.push(answer(7, { limit: 10_000 }));
  for (const one of loaded) expect(one).toBeInstanceOf(Promise);
  for (const one of await Promise.all(loaded)) expect(one).toEqual({ count: 0, precision: CountPrecision.EXACT });
});
