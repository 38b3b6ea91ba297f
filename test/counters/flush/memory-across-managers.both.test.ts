import { TransactionPropagation } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { expect, it } from 'vitest';
import { insertMany, recount } from 'mikro-orm-counters';
import { describeOnEach } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { statementsOf } from '../../support/statements.js';
import { addBook, addShelves, Book, expectExactLibrary, library, Shelf } from '../models/library.js';

/** Adds a book to a shelf of which it knows no more than the key. */
async function addBookIn(em: SqlEntityManager, shelf: number): Promise<void> {
  em.create(Book, { title: 'A book', shelf });
  await em.flush();
}

describeOnEach('a target that is loaded in another entity manager than the one that counts', kind => {
  const schema = useSchema(kind, library);

  it.each([true, false])(
    'the target of an outer transaction shows what a nested one counts (clear: %s), also after it',
    async clear => {
      const [id] = await addShelves(schema, 1);
      await schema.em().transactional(async outer => {
        const shelf = await outer.findOneOrFail(Shelf, id!);
        await outer.transactional(inner => addBookIn(inner, id!), { clear });
        expect(shelf.bookCount).toBe(1);
        await outer.transactional(
          async middle => {
            await middle.transactional(inner => addBookIn(inner, id!), { clear });
            expect(shelf.bookCount).toBe(2);
          },
          { clear },
        );
        expect(shelf.bookCount).toBe(2);
        expect(await statementsOf(schema.database, () => outer.flush())).toEqual([]);
      });
      await expectExactLibrary(schema);
    },
  );

  it.each([true, false])(
    'the target of the caller shows what a transaction counts that has not loaded it (clear: %s)',
    async clear => {
      const [id] = await addShelves(schema, 1);
      const em = schema.em();
      const shelf = await em.findOneOrFail(Shelf, id!);
      await em.transactional(inner => addBookIn(inner, id!), { clear });
      expect(shelf.bookCount).toBe(1);
      expect(await statementsOf(schema.database, () => em.flush())).toEqual([]);
    },
  );

  it.each([
    TransactionPropagation.NESTED,
    TransactionPropagation.REQUIRED,
    TransactionPropagation.SUPPORTS,
    TransactionPropagation.MANDATORY,
  ])('the propagation %s within a transaction counts exactly, and the outer target shows it', async propagation => {
    const [id] = await addShelves(schema, 1);
    await schema.em().transactional(async outer => {
      const shelf = await outer.findOneOrFail(Shelf, id!);
      await outer.transactional(inner => addBookIn(inner, id!), { propagation, clear: true });
      expect(shelf.bookCount).toBe(1);
    });
    await expectExactLibrary(schema);
  });

  it.each([
    TransactionPropagation.NESTED,
    TransactionPropagation.REQUIRED,
    TransactionPropagation.SUPPORTS,
    TransactionPropagation.REQUIRES_NEW,
    TransactionPropagation.NOT_SUPPORTED,
    TransactionPropagation.NEVER,
  ])(
    'the propagation %s without a transaction counts exactly, and the target of the caller shows it',
    async propagation => {
      const [id] = await addShelves(schema, 1);
      const em = schema.em();
      const shelf = await em.findOneOrFail(Shelf, id!);
      await em.transactional(inner => addBookIn(inner, id!), { propagation, clear: true });
      expect(shelf.bookCount).toBe(1);
      await expectExactLibrary(schema);
    },
  );

  // SQLite has one writer: a second transaction would wait for the first for ever.
  if (kind !== 'sqlite')
    it.each([TransactionPropagation.REQUIRES_NEW, TransactionPropagation.NOT_SUPPORTED])(
      'the propagation %s beside a transaction counts exactly, whether that commits or not',
      async propagation => {
        const [id, other] = await addShelves(schema, 2);
        const em = schema.em();
        const shelves = [await em.findOneOrFail(Shelf, id!), await em.findOneOrFail(Shelf, other!)];
        const failed = em.transactional(async outer => {
          await addBookIn(outer, id!);
          await outer.transactional(inner => addBookIn(inner, other!), { propagation, clear: true });
          expect(shelves.map(({ bookCount }) => bookCount)).toEqual([1, 1]);
          throw new Error('rolled back');
        });
        await expect(failed).rejects.toThrow('rolled back');
        await expectExactLibrary(schema);
        expect(shelves.map(({ bookCount }) => bookCount)).toEqual([0, 1]);
      },
    );

  it('the targets of two entity managers in one transaction show what either of them counts', async () => {
    const [id] = await addShelves(schema, 1);
    await schema.em().transactional(async one => {
      const two = one.fork({ keepTransactionContext: true });
      const shelves = [await one.findOneOrFail(Shelf, id!), await two.findOneOrFail(Shelf, id!)];
      await addBookIn(one, id!);
      expect(shelves.map(({ bookCount }) => bookCount)).toEqual([1, 1]);
      await addBookIn(two, id!);
      expect(shelves.map(({ bookCount }) => bookCount)).toEqual([2, 2]);
      await insertMany(two, Book, [{ title: 'A book', shelf: id! }]);
      expect(shelves.map(({ bookCount }) => bookCount)).toEqual([3, 3]);
    });
    await expectExactLibrary(schema);
  });

  it('a transaction of another entity manager does not change what a target shows', async () => {
    const [id] = await addShelves(schema, 1);
    const em = schema.em();
    const shelf = await em.findOneOrFail(Shelf, id!);
    await addBookIn(em.fork(), id!);
    expect(shelf.bookCount).toBe(0);
    await em.refresh(shelf);
    expect(shelf.bookCount).toBe(1);
  });

  it.each([true, false])(
    'a savepoint that is rolled back takes its counts out of loaded targets (clear: %s)',
    async clear => {
      const [id] = await addShelves(schema, 1);
      await schema.em().transactional(async outer => {
        const shelf = await outer.findOneOrFail(Shelf, id!);
        await addBookIn(outer, id!);
        const failed = outer.transactional(
          async inner => {
            await addBookIn(inner, id!);
            await insertMany(inner, Book, [{ title: 'A book', shelf: id! }]);
            expect(shelf.bookCount).toBe(3);
            throw new Error('rolled back');
          },
          { clear },
        );
        await expect(failed).rejects.toThrow('rolled back');
        expect(shelf.bookCount).toBe(1);
        expect(await statementsOf(schema.database, () => outer.flush())).toEqual([]);
        await addBookIn(outer, id!);
        expect(shelf.bookCount).toBe(2);
      });
      await expectExactLibrary(schema);
    },
  );

  it('a transaction that is rolled back takes its counts out of loaded targets, also those of its savepoints', async () => {
    const [id] = await addShelves(schema, 1);
    const em = schema.em();
    const shelf = await em.findOneOrFail(Shelf, id!);
    await em.begin();
    await addBookIn(em, id!);
    await em.transactional(inner => addBookIn(inner, id!), { clear: true });
    await addBookIn(em, id!);
    expect(shelf.bookCount).toBe(3);
    await em.rollback();
    expect(shelf.bookCount).toBe(0);
    expect(await statementsOf(schema.database, () => em.flush())).toEqual([]);
    await expectExactLibrary(schema);
  });

  it('a recount in a nested transaction is shown by the outer target, until it is rolled back', async () => {
    const [id] = await addShelves(schema, 1);
    await addBook(schema, id!);
    await schema.write('update shelf set book_count = 5');
    await schema.em().transactional(async outer => {
      const shelf = await outer.findOneOrFail(Shelf, id!);
      const failed = outer.transactional(
        async inner => {
          await recount(inner, Shelf, [id!]);
          expect(shelf.bookCount).toBe(1);
          throw new Error('rolled back');
        },
        { clear: true },
      );
      await expect(failed).rejects.toThrow('rolled back');
      expect(shelf.bookCount).toBe(5);
      await outer.transactional(inner => recount(inner as never, Shelf, [id!]), { clear: true });
      expect(shelf.bookCount).toBe(1);
    });
    await expectExactLibrary(schema);
  });

  it('a target that is cleared, referred to, loaded in part or loaded again shows the true count', async () => {
    const [id] = await addShelves(schema, 1);
    const em = schema.em();
    const detached = await em.findOneOrFail(Shelf, id!);
    em.clear();
    const reference = em.getReference(Shelf, id!);
    await addBookIn(em, id!);
    expect(detached.bookCount).toBe(0);
    await em.refresh(reference);
    expect(reference.bookCount).toBe(1);
    em.clear();
    const partial = (await em.findOneOrFail(Shelf, id!, { fields: ['name'] })) as Shelf;
    await addBookIn(em, id!);
    expect(partial.bookCount).toBe(2);
    partial.name = 'Renamed';
    await em.flush();
    em.clear();
    await addBookIn(em, id!);
    expect((await em.findOneOrFail(Shelf, id!)).bookCount).toBe(3);
    expect(await statementsOf(schema.database, () => em.flush())).toEqual([]);
    await expectExactLibrary(schema);
  });
});
