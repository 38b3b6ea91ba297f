import { expect, it } from 'vitest';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { addBook, addShelves, Book, expectExactLibrary, Genre, library, Shelf, shelfCount } from '../models/library.js';

describeOnEngineDatabases('moving a counted row', kind => {
  const schema = useSchema(kind, library);

  it('moving a row decrements the old target and increments the new one', async () => {
    const [from, to] = await addShelves(schema, 2);
    const id = await addBook(schema, from!);
    const em = schema.em();
    (await em.findOneOrFail(Book, id)).shelf = em.getReference(Shelf, to!, { wrapped: true });
    await em.flush();
    expect([await shelfCount(schema, from!), await shelfCount(schema, to!)]).toEqual([0, 1]);
    await expectExactLibrary(schema);
  });

  it('moving a row to a target with a lower id works as well as to a higher one', async () => {
    const [low, high] = await addShelves(schema, 2);
    const id = await addBook(schema, high!);
    const em = schema.em();
    (await em.findOneOrFail(Book, id)).shelf = em.getReference(Shelf, low!, { wrapped: true });
    await em.flush();
    expect([await shelfCount(schema, low!), await shelfCount(schema, high!)]).toEqual([1, 0]);
    await expectExactLibrary(schema);
  });

  it('moving a row shows both loaded targets their new counts', async () => {
    const [from, to] = await addShelves(schema, 2);
    const id = await addBook(schema, from!);
    const em = schema.em();
    const [old, next] = [await em.findOneOrFail(Shelf, from!), await em.findOneOrFail(Shelf, to!)];
    (await em.findOneOrFail(Book, id)).shelf = em.getReference(Shelf, to!, { wrapped: true });
    await em.flush();
    expect([old.bookCount, next.bookCount]).toEqual([0, 1]);
  });

  it('moving a row from no target to one increments its count', async () => {
    const [to] = await addShelves(schema, 1);
    const id = await addBook(schema, null, { genre: Genre.POEM });
    await expectExactLibrary(schema);
    const em = schema.em();
    (await em.findOneOrFail(Book, id)).shelf = em.getReference(Shelf, to!, { wrapped: true });
    await em.flush();
    expect(await shelfCount(schema, to!)).toBe(1);
    await expectExactLibrary(schema);
  });

  it('moving a row from a target to none decrements its count', async () => {
    const [from] = await addShelves(schema, 1);
    const id = await addBook(schema, from!, { lent: true });
    const em = schema.em();
    (await em.findOneOrFail(Book, id)).shelf = null;
    await em.flush();
    expect(await shelfCount(schema, from!)).toBe(0);
    await expectExactLibrary(schema);
  });

  it('a row that counts nowhere can be created, changed and removed', async () => {
    const [shelf] = await addShelves(schema, 1);
    const id = await addBook(schema, null);
    const em = schema.em();
    const book = await em.findOneOrFail(Book, id);
    book.lent = true;
    await em.flush();
    em.remove(book);
    await em.flush();
    expect(await shelfCount(schema, shelf!)).toBe(0);
    expect(await schema.rows('select id from book')).toEqual([]);
  });

  it('moving a row away and back before the flush changes nothing', async () => {
    const [here, there] = await addShelves(schema, 2);
    const id = await addBook(schema, here!);
    const em = schema.em();
    const book = await em.findOneOrFail(Book, id);
    book.shelf = em.getReference(Shelf, there!, { wrapped: true });
    book.shelf = em.getReference(Shelf, here!, { wrapped: true });
    await em.flush();
    expect([await shelfCount(schema, here!), await shelfCount(schema, there!)]).toEqual([1, 0]);
  });

  it('moving a row and changing its condition in one save counts it at the new target by the new condition', async () => {
    const [from, to] = await addShelves(schema, 2);
    const id = await addBook(schema, from!, { genre: Genre.NOVEL, lent: true, pages: 2 });
    const em = schema.em();
    const book = await em.findOneOrFail(Book, id);
    em.assign(book, { shelf: to!, genre: Genre.POEM, lent: false, pages: 900 });
    await em.flush();
    expect(await shelfCount(schema, from!, 'lent_novel_count')).toBe(0);
    expect(await shelfCount(schema, to!, 'verse_count')).toBe(1);
    await expectExactLibrary(schema);
  });

  it('swapping two rows between two targets leaves both counts unchanged', async () => {
    const [a, b] = await addShelves(schema, 2);
    const [first, second] = [await addBook(schema, a!, { lent: true }), await addBook(schema, b!)];
    const em = schema.em();
    const books = await em.find(Book, { id: [first, second] }, { orderBy: { id: 'asc' } });
    [books[0]!.shelf, books[1]!.shelf] = [books[1]!.shelf, books[0]!.shelf];
    await em.flush();
    expect([await shelfCount(schema, a!), await shelfCount(schema, b!)]).toEqual([1, 1]);
    expect([await shelfCount(schema, a!, 'lent_count'), await shelfCount(schema, b!, 'lent_count')]).toEqual([0, 1]);
    await expectExactLibrary(schema);
  });
});
