import { expect, it } from 'vitest';
import { deleteWhere } from 'mikro-orm-counters';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { statementsOf } from '../../support/statements.js';
import {
  addBook,
  addShelves,
  Book,
  expectExactLibrary,
  Genre,
  library as model,
  Shelf,
  shelfCount,
} from '../models/library.js';

const settings = [
  ['undefined for null', { forceUndefined: true }],
  ['batches of two', { batchSize: 2 }],
  ['no batches', { useBatchInserts: false, useBatchUpdates: false }],
  ['constructors for references', { forceEntityConstructor: true }],
] as const;

for (const [name, options] of settings) {
  describeOnEngineDatabases(`counting with ${name}`, kind => {
    const schema = useSchema(kind, { ...model, options });

    it('creating, changing, moving, unsetting and removing rows is counted', async () => {
      const [first, second] = await addShelves(schema, 2);
      const em = schema.em();
      const shelves = await em.find(Shelf, {}, { orderBy: { id: 'asc' } });
      const books = [0, 1, 2, 3, 4].map(index =>
        em.create(Book, { title: `Book ${index}`, shelf: first!, pages: index, lent: index > 2 }),
      );
      await em.flush();
      expect(shelves.map(({ bookCount }) => bookCount)).toEqual([5, 0]);
      await expectExactLibrary(schema);
      em.assign(books[0]!, { shelf: second!, genre: Genre.POEM });
      em.assign(books[1]!, { shelf: null });
      em.assign(books[2]!, { lent: true, genre: Genre.NOVEL });
      em.remove(books[3]!);
      await em.flush();
      expect(shelves.map(({ bookCount }) => bookCount)).toEqual([2, 1]);
      await expectExactLibrary(schema);
      expect(await statementsOf(schema.database, () => em.flush())).toEqual([]);
    });

    it('rows that were loaded without a target or a value are counted when they get one', async () => {
      const [shelf] = await addShelves(schema, 1);
      const id = await addBook(schema, null);
      const em = schema.em();
      em.assign(await em.findOneOrFail(Book, id), { shelf: shelf!, genre: Genre.POEM });
      await em.flush();
      await expectExactLibrary(schema);
      const again = schema.em();
      again.assign(await again.findOneOrFail(Book, id), { shelf: null, genre: null });
      await again.flush();
      expect(await shelfCount(schema, shelf!)).toBe(0);
      await expectExactLibrary(schema);
    });
  });
}

describeOnEngineDatabases('counting with a filter that hides rows', kind => {
  const schema = useSchema(kind, {
    ...model,
    options: {
      filters: {
        unlent: { cond: { lent: false }, entity: ['Book'], default: true },
        none: { cond: { id: 0 }, entity: ['Shelf'], default: true },
      },
    },
  });

  it('counting sees the rows and the targets that a filter hides', async () => {
    const [from, to] = await addShelves(schema, 2);
    const id = await addBook(schema, from!, { lent: true });
    const em = schema.em();
    expect(await em.findOne(Book, id)).toBeNull();
    em.assign(await em.findOneOrFail(Book, id, { filters: false }), { shelf: to! });
    await em.flush();
    expect([await shelfCount(schema, from!), await shelfCount(schema, to!)]).toEqual([0, 1]);
    await expectExactLibrary(schema);
    await deleteWhere(schema.em(), Book, {});
    await expectExactLibrary(schema);
    await schema.em().remove(schema.em().getReference(Book, id)).flush();
    await expectExactLibrary(schema);
  });
});
