import { expect, it } from 'vitest';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { statementsOf } from '../../support/statements.js';
import { addBook, addShelves, Book, expectExactLibrary, library, Shelf, shelfCount } from '../models/library.js';

describeOnEngineDatabases('a loaded target after a flush', kind => {
  const schema = useSchema(kind, library);

  it('a loaded target holds the true count after a flush even when it was stale, and is not dirty', async () => {
    const [id] = await addShelves(schema, 1);
    const em = schema.em();
    const shelf = await em.findOneOrFail(Shelf, id!);
    for (const lent of [true, false, false]) await addBook(schema, id!, { lent });
    em.create(Book, { title: 'A book', shelf, lent: true });
    await em.flush();
    expect([shelf.bookCount, shelf.lentCount]).toEqual([4, 2]);
    expect(await statementsOf(schema.database, () => em.flush())).toEqual([]);
    expect(await shelfCount(schema, id!)).toBe(4);
  });

  it('a loaded target holds the true count even when the deltas of the flush cancel out', async () => {
    const [id] = await addShelves(schema, 1);
    const book = await addBook(schema, id!);
    const em = schema.em();
    const shelf = await em.findOneOrFail(Shelf, id!);
    await addBook(schema, id!);
    em.remove(await em.findOneOrFail(Book, book));
    em.create(Book, { title: 'A book', shelf });
    await em.flush();
    expect(shelf.bookCount).toBe(2);
    expect(await statementsOf(schema.database, () => em.flush())).toEqual([]);
  });

  it('a loaded target can be changed in other ways at once and keeps its true count', async () => {
    const [id] = await addShelves(schema, 1);
    const em = schema.em();
    const shelf = await em.findOneOrFail(Shelf, id!);
    em.create(Book, { title: 'A book', shelf });
    await em.flush();
    shelf.name = 'Renamed';
    const statements = await statementsOf(schema.database, () => em.flush());
    expect(statements.join()).not.toContain('book_count');
    expect(await shelfCount(schema, id!)).toBe(1);
  });

  it('a loaded target holds the true count inside the transaction and after it, in the fork and in the parent', async () => {
    const [id] = await addShelves(schema, 1);
    const parent = schema.em();
    const before = await parent.findOneOrFail(Shelf, id!);
    await parent.transactional(async em => {
      const inside = await em.findOneOrFail(Shelf, id!);
      em.create(Book, { title: 'A book', shelf: inside });
      await em.flush();
      expect(inside.bookCount).toBe(1);
      em.create(Book, { title: 'A book', shelf: inside });
    });
    expect(before.bookCount).toBe(2);
    expect(await statementsOf(schema.database, () => parent.flush())).toEqual([]);
    await expectExactLibrary(schema);
  });

  it('a loaded target holds the true count in the parent of a fork that began clear', async () => {
    const [id] = await addShelves(schema, 1);
    const parent = schema.em();
    const before = await parent.findOneOrFail(Shelf, id!);
    await parent.transactional(
      async em => {
        const inside = await em.findOneOrFail(Shelf, id!);
        expect(Object.is(inside, before)).toBe(false);
        em.create(Book, { title: 'A book', shelf: inside });
      },
      { clear: true },
    );
    expect(before.bookCount).toBe(1);
    expect(await statementsOf(schema.database, () => parent.flush())).toEqual([]);
  });

  it('a target that was first loaded in the transaction holds the true count after it', async () => {
    const [id] = await addShelves(schema, 1);
    const parent = schema.em();
    await parent.transactional(async em => {
      em.create(Book, { title: 'A book', shelf: await em.findOneOrFail(Shelf, id!) });
    });
    expect((await parent.findOneOrFail(Shelf, id!)).bookCount).toBe(1);
    expect(await statementsOf(schema.database, () => parent.flush())).toEqual([]);
  });

  it('a loaded target that no flush has touched may be stale, and saving it overwrites no count', async () => {
    const [id] = await addShelves(schema, 1);
    const em = schema.em();
    const shelf = await em.findOneOrFail(Shelf, id!);
    await addBook(schema, id!);
    expect(shelf.bookCount).toBe(0);
    shelf.name = 'Renamed';
    await em.flush();
    expect(await shelfCount(schema, id!)).toBe(1);
    expect(await schema.rows('select name from shelf')).toEqual([{ name: 'Renamed' }]);
    await expectExactLibrary(schema);
  });

  it('a loaded target shows its previous counts when the flush fails', async () => {
    const [id] = await addShelves(schema, 1);
    const em = schema.em();
    const shelf = await em.findOneOrFail(Shelf, id!);
    em.create(Book, { id: 1, title: 'A book', shelf });
    const other = schema.em();
    other.create(Book, { id: 1, title: 'Faster', shelf: id! });
    await other.flush();
    await expect(em.flush()).rejects.toThrow(/unique|duplicate/i);
    expect(shelf.bookCount).toBe(0);
    expect(await shelfCount(schema, id!)).toBe(1);
  });

  it('em.refresh() gives a loaded target the counts of the database', async () => {
    const [id] = await addShelves(schema, 1);
    const em = schema.em();
    const shelf = await em.findOneOrFail(Shelf, id!);
    await addBook(schema, id!);
    await em.refresh(shelf);
    expect(shelf.bookCount).toBe(1);
    expect(await statementsOf(schema.database, () => em.flush())).toEqual([]);
  });
});
