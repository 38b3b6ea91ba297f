import {
  DataloaderType,
  EntityCaseNamingStrategy,
  EntityRepository,
  FlushMode,
  LoadStrategy,
  ObjectHydrator,
  PopulateHint,
} from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { describe, expect, it } from 'vitest';
import { deleteWhere, insertMany, recount, updateWhere, verify } from 'mikro-orm-counters';
import type { Options } from '../../../src/database/orm-options.js';
import { NodeSqliteFileDialect } from '../../../src/database/dialects/sqlite/kysely-dialect.js';
import { describeOnMySql } from '../../support/databases.js';
import { freshSchema, useSchema, type Schema } from '../../support/schema.js';
import { addShelves, Book, expectExactLibrary, Genre, library as model, Shelf } from '../models/library.js';

/** A hydrator of an application's own. */
class OwnHydrator extends ObjectHydrator {}

/** A repository of an application's own. */
class OwnRepository extends EntityRepository<object> {}

/** Options that change how rows are read or written. */
const settings: [name: string, options: object][] = [
  ['flushes before all queries', { flushMode: FlushMode.ALWAYS }],
  ['flushes at the end only', { flushMode: FlushMode.COMMIT }],
  ['no identity map', { disableIdentityMap: true }],
  ['a global context', { allowGlobalContext: true }],
  ['a context of its own', { context: () => undefined, contextName: 'own' }],
  ['cached results', { resultCache: { global: 60_000 } }],
  ['late hooks', { processOnCreateHooksEarly: false }],
  ['undefined as no condition', { ignoreUndefinedInQuery: true }],
  ['entities that are persisted by hand', { persistOnCreate: false, upsertManaged: false, validateRequired: false }],
  ['null for what is not given', { initNullableProperties: true }],
  ['undefined for what is not given', { initNullableProperties: true, forceUndefined: true }],
  ['no propagation', { propagationOnPrototype: false, populateAfterFlush: false }],
  [
    'its own way to assign',
    {
      assign: {
        updateNestedEntities: false,
        onlyOwnProperties: true,
        ignoreUndefined: true,
        mergeObjectProperties: true,
      },
    },
  ],
  [
    'its own way to load',
    { loadStrategy: LoadStrategy.JOINED, dataloader: DataloaderType.ALL, populateWhere: PopulateHint.INFER },
  ],
  ['no joins for filters', { autoJoinRefsForFilters: false, autoJoinOneToOneOwner: false, filtersOnRelations: false }],
  ['a hydrator and a repository of its own', { hydrator: OwnHydrator, entityRepository: OwnRepository }],
  ['comments in its SQL', { onQuery: (sql: string) => `${sql} /* of the application */` }],
  ['a time zone of its own', { timezone: '+05:30', forceUtcTimezone: false }],
  ['batches of one', { batchSize: 1, useBatchInserts: true, useBatchUpdates: true }],
];

/** Writes in all ways, and expects exact counts after each of them. */
async function writeInAllWays(schema: Schema, exact: () => Promise<void>): Promise<void> {
  const begin = (): SqlEntityManager => schema.em();
  const [first, second] = await addedShelves(schema);
  const em = begin();
  for (const index of [0, 1, 2, 3])
    em.persist(
      em.create(Book, { title: `Book ${index}`, shelf: first!, pages: index, lent: index > 1, genre: Genre.POEM }),
    );
  await em.flush();
  await exact();
  await begin().transactional(async inner => {
    const books = await inner.find(Book, {}, { orderBy: { id: 'asc' }, disableIdentityMap: false });
    books.forEach(book => inner.persist(book));
    inner.assign(books[0]!, { shelf: second!, genre: Genre.NOVEL, lent: true });
    await inner.find(Book, { lent: true });
    inner.assign(books[1]!, { shelf: null });
    inner.assign(books[2]!, { lent: false, pages: null });
    inner.remove(books[3]!);
  });
  await exact();
  await insertMany(begin(), Book, [
    { title: 'One of many', shelf: first! },
    { title: 'Another', shelf: second!, lent: true },
  ]);
  await updateWhere(begin(), Book, { title: 'Another' }, { shelf: first! });
  await deleteWhere(begin(), Book, { title: 'One of many' });
  await exact();
  await schema.write('update shelf set book_count = book_count + 5');
  const checker = begin();
  const drifts = async (): Promise<number> => {
    let found = 0;
    for await (const chunk of verify(checker, Shelf)) found += chunk.drifts.length;
    return found;
  };
  expect(await drifts()).toBe(2);
  for (const id of [first!, second!]) await begin().transactional(inner => recount(inner, Shelf, [id]));
  expect(await drifts()).toBe(0);
  await exact();
}

async function addedShelves(schema: Schema): Promise<number[]> {
  const em = schema.em();
  for (const name of ['First', 'Second']) em.persist(em.create(Shelf, { name }));
  await em.flush();
  return (await schema.rows<{ id: number }>('select id from shelf order by id')).map(({ id }) => id);
}

for (const [name, options] of settings) {
  describe(`an ORM with ${name}`, () => {
    const schema = useSchema('sqlite', { ...model, options: options as Options });

    it(`an ORM with ${name} counts every write`, () => writeInAllWays(schema, () => expectExactLibrary(schema)));
  });
}

describe('an ORM with names by another strategy', () => {
  const schema = useSchema('sqlite', { ...model, options: { namingStrategy: EntityCaseNamingStrategy } as Options });

  it('an ORM with names by another strategy counts every write', async () => {
    const [shelf] = await addShelves(schema, 1);
    const em = schema.em();
    const book = em.create(Book, { title: 'A book', shelf: shelf!, lent: true });
    em.create(Book, { title: 'Another', shelf: shelf! });
    await em.flush();
    em.assign(book, { lent: false });
    await em.flush();
    expect(await schema.rows('select bookCount, lentCount from shelf')).toMatchObject([{ bookCount: 2, lentCount: 0 }]);
    for await (const { drifts } of verify(schema.em(), Shelf)) expect(drifts).toEqual([]);
  });
});

describe('an ORM with a replica that is behind', () => {
  it('an ORM with a replica that is behind counts and verifies by the database that it writes', async () => {
    const replica = await freshSchema('sqlite', model);
    const path = replica.url.slice('sqlite:'.length);
    const { database, drop } = await freshSchema('sqlite', {
      ...model,
      options: {
        preferReadReplicas: true,
        replicas: [{ dbName: path, driverOptions: () => new NodeSqliteFileDialect(path, 1000) }],
      } as never,
    });
    const em = database.em.fork();
    const shelf = em.create(Shelf, { name: 'A shelf' });
    em.create(Book, { title: 'A book', shelf });
    await em.flush();
    // What queries read is the replica.
    expect(await database.em.fork().find(Shelf, {})).toEqual([]);
    const found = async (): Promise<unknown[]> => {
      const all: unknown[] = [];
      for await (const { counts } of verify(database.em.fork(), Shelf, { all: true }))
        all.push(...counts.filter(({ counter }) => counter === 'Shelf.bookCount'));
      return all;
    };
    expect(await found()).toMatchObject([{ stored: 1, actual: 1 }]);
    await updateWhere(database.em.fork(), Book, { title: 'A book' }, { shelf: null });
    expect(await found()).toMatchObject([{ stored: 0, actual: 0 }]);
    await drop();
    await replica.drop();
  });
});

describeOnMySql('an ORM with one connection', kind => {
  const schema = useSchema(kind, {
    ...model,
    options: { pool: { min: 1, max: 1 }, multipleStatements: true, forceUtcTimezone: false } as Options,
  });

  it('an ORM with one connection counts every write', () => writeInAllWays(schema, () => expectExactLibrary(schema)));
});

describeOnMySql('an ORM whose driver gives other values', kind => {
  const schema = useSchema(kind, {
    ...model,
    options: {
      driverOptions: {
        bigNumberStrings: true,
        decimalNumbers: true,
        flags: ['-FOUND_ROWS'],
        typeCast: (field: { type: string; length: number; string: () => string | null }, next: () => unknown) =>
          field.type === 'TINY' && field.length === 1 ? field.string() === '1' : next(),
      },
    } as Options,
  });

  it('an ORM whose driver gives other values counts every write', () =>
    writeInAllWays(schema, () => expectExactLibrary(schema)));
});
