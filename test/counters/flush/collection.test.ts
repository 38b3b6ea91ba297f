import { wrap } from '@mikro-orm/core';
import { expect, it } from 'vitest';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema, type Schema } from '../../support/schema.js';
import { addBook, addShelves, Book, expectExactLibrary, library, Shelf, shelfCount } from '../models/library.js';
import { Author, expectExactShop, Product, Review, shop } from '../models/shop.js';

async function addReviews(schema: Schema, amount: number): Promise<{ author: number; product: number }> {
  const em = schema.em();
  const [author, product] = [em.create(Author, {}), em.create(Product, {})];
  for (let index = 0; index < amount; index++) em.create(Review, { author, product });
  await em.flush();
  return { author: author.id, product: product.id };
}

describeOnEngineDatabases('a loaded collection that removes orphans', kind => {
  const schema = useSchema(kind, shop);

  it('removing a row from a collection with orphan removal decrements the count', async () => {
    const { author } = await addReviews(schema, 3);
    const em = schema.em();
    const loaded = await em.findOneOrFail(Author, author, { populate: ['reviews'] });
    loaded.reviews.remove(loaded.reviews[0]!);
    await em.flush();
    expect([loaded.reviewCount, loaded.raveCount]).toEqual([2, 2]);
    expect(await schema.rows('select id from review')).toHaveLength(2);
    await expectExactShop(schema);
  });

  it('emptying a collection with orphan removal decrements the count of each of its rows', async () => {
    const { author } = await addReviews(schema, 3);
    const em = schema.em();
    const loaded = await em.findOneOrFail(Author, author, { populate: ['reviews'] });
    loaded.reviews.removeAll();
    await em.flush();
    expect(loaded.reviewCount).toBe(0);
    expect(await schema.rows('select review_count as reviews from product')).toEqual([{ reviews: 0 }]);
    await expectExactShop(schema);
  });

  it('replacing the rows of a collection with orphan removal counts their replacements', async () => {
    const { author, product } = await addReviews(schema, 3);
    const em = schema.em();
    const loaded = await em.findOneOrFail(Author, author, { populate: ['reviews'] });
    loaded.reviews.set([loaded.reviews[0]!, em.create(Review, { product, stars: 1 })]);
    await em.flush();
    expect([loaded.reviewCount, loaded.raveCount]).toEqual([2, 1]);
    await expectExactShop(schema);
  });

  it('removing a target together with the rows of its collection counts them', async () => {
    const { author } = await addReviews(schema, 2);
    const em = schema.em();
    em.remove(await em.findOneOrFail(Author, author, { populate: ['reviews'] }));
    await em.flush();
    expect(await schema.rows('select id from review')).toEqual([]);
    expect(await schema.rows('select review_count as reviews from product')).toEqual([{ reviews: 0 }]);
    await expectExactShop(schema);
  });

  it('a collection that is not loaded cannot be emptied, and nothing changes', async () => {
    const { author } = await addReviews(schema, 2);
    const em = schema.em();
    (await em.findOneOrFail(Author, author)).reviews.removeAll();
    await expect(em.flush()).rejects.toMatchObject({ code: 'COUNTER_BYPASS' });
    expect(await schema.rows('select id from review')).toHaveLength(2);
    await expectExactShop(schema);
  });
});

describeOnEngineDatabases('a collection of counted rows', kind => {
  const schema = useSchema(kind, library);

  it('adding rows to a collection counts them', async () => {
    const [id] = await addShelves(schema, 1);
    const em = schema.em();
    const shelf = await em.findOneOrFail(Shelf, id!, { populate: ['books'] });
    shelf.books.add(em.create(Book, { title: 'One', lent: true }), em.create(Book, { title: 'Two' }));
    await em.flush();
    expect([shelf.bookCount, shelf.lentCount]).toEqual([2, 1]);
    await expectExactLibrary(schema);
  });

  it('adding rows to a collection that is not loaded counts them', async () => {
    const [id] = await addShelves(schema, 1);
    await addBook(schema, id!);
    const em = schema.em();
    const shelf = await em.findOneOrFail(Shelf, id!);
    shelf.books.add(em.create(Book, { title: 'Two' }));
    await em.flush();
    expect(shelf.bookCount).toBe(2);
    await expectExactLibrary(schema);
  });

  it('a row that moves from one collection to another is counted', async () => {
    const [from, to] = await addShelves(schema, 2);
    const id = await addBook(schema, from!);
    const em = schema.em();
    const [old, next] = await em.find(Shelf, { id: [from!, to!] }, { populate: ['books'], orderBy: { id: 'asc' } });
    next!.books.add(await em.findOneOrFail(Book, id));
    await em.flush();
    expect([old!.bookCount, next!.bookCount]).toEqual([0, 1]);
    await expectExactLibrary(schema);
  });

  it('a row that is taken out of a collection is no longer counted', async () => {
    const [id] = await addShelves(schema, 1);
    const book = await addBook(schema, id!);
    const em = schema.em();
    const shelf = await em.findOneOrFail(Shelf, id!, { populate: ['books'] });
    shelf.books.removeAll();
    await em.flush();
    expect(shelf.bookCount).toBe(0);
    expect(await schema.rows('select id, shelf_id from book')).toEqual([{ id: book, shelf_id: null }]);
    await expectExactLibrary(schema);
  });

  it.each(['removeAll', 'set'] as const)(
    'a collection that is not loaded cannot be replaced by %s(), and nothing changes',
    async way => {
      const [id] = await addShelves(schema, 1);
      await addBook(schema, id!);
      const em = schema.em();
      const shelf = await em.findOneOrFail(Shelf, id!);
      if (way === 'set') shelf.books.set([em.create(Book, { title: 'Only' })]);
      else shelf.books.removeAll();
      await expect(em.flush()).rejects.toMatchObject({
        code: 'COUNTER_BYPASS',
        message: expect.stringContaining('"books"'),
      });
      expect(await shelfCount(schema, id!)).toBe(1);
      await expectExactLibrary(schema);
    },
  );

  it('a collection that is created with a new target is counted', async () => {
    const em = schema.em();
    const shelf = em.create(Shelf, { name: 'New', books: [{ title: 'One' }, { title: 'Two', lent: true }] });
    await em.flush();
    expect([shelf.bookCount, shelf.lentCount]).toEqual([2, 1]);
    await expectExactLibrary(schema);
  });

  it('a collection that is assigned as data is counted', async () => {
    const [id] = await addShelves(schema, 1);
    const book = await addBook(schema, null);
    const em = schema.em();
    const shelf = await em.findOneOrFail(Shelf, id!, { populate: ['books'] });
    wrap(shelf).assign({ books: [book, { title: 'New' }] }, { em });
    await em.flush();
    expect(shelf.bookCount).toBe(2);
    await expectExactLibrary(schema);
  });
});
