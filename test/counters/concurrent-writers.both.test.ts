import { IsolationLevel } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { expect, it } from 'vitest';
import { deleteWhere, insertMany, recount, updateWhere, verify } from 'mikro-orm-counters';
import { describeOnEngineDatabases, strategy } from '../support/databases.js';
import { pick, writeAtOnce, type Below, type RandomChange } from '../support/random-writers.js';
import { useSchema } from '../support/schema.js';
import { addShelves, Book, expectExactLibrary, Genre, library, Shelf } from './models/library.js';

const WRITERS = 8;
const CHANGES_OF_EACH = 20;

/**
 * The codes of what a writer repeats: a row that has moved, a snapshot that is too old, and a deadlock. The database may
 * find out only at the commit, whose error MikroORM passes on as it is.
 */
const REPEATABLE = ['COUNTER_CONFLICT', '40001', '40P01'];

type Change = RandomChange<readonly number[]>;

/** Returns a book of any shelf, undefined where there is none. */
async function anyBook(em: SqlEntityManager, below: Below): Promise<Book | undefined> {
  const books = await em.find(Book, {}, { orderBy: { id: 'asc' }, limit: 30 });
  return books[below(books.length || 1)];
}

const changes: readonly Change[] = [
  async (em, shelves, below) => {
    for (let index = below(3); index >= 0; index -= 1)
      em.create(Book, { title: 'New', shelf: pick(shelves, below), lent: below(2) === 1, pages: below(5) });
    await em.flush();
  },
  async (em, shelves, below) => {
    const [one, two] = [await anyBook(em, below), await anyBook(em, below)];
    for (const book of [one, two]) if (book) em.assign(book, { shelf: pick(shelves, below), lent: !book.lent });
    await em.flush();
  },
  async (em, _shelves, below) => {
    const [one, two] = [await anyBook(em, below), await anyBook(em, below)];
    for (const book of [one, two]) if (book) em.remove(book);
    await em.flush();
  },
  async (em, shelves, below) =>
    insertMany(
      em,
      Book,
      Array.from({ length: 1 + below(4) }, () => ({ title: 'One of many', shelf: pick(shelves, below), lent: true })),
    ),
  async (em, shelves, below) =>
    updateWhere(
      em,
      Book,
      { shelf: { $in: [pick(shelves, below), pick(shelves, below)] }, pages: below(5) },
      {
        shelf: pick(shelves, below),
        genre: [Genre.NOVEL, Genre.POEM, null][below(3)],
      },
    ),
  async (em, shelves, below) => deleteWhere(em, Book, { shelf: pick(shelves, below), lent: below(2) === 1 }),
  async (em, shelves, below) => em.transactional(own => recount(own, Shelf, [pick(shelves, below)])),
];

/** What any other program does, where triggers count it: it locks the rows before their shelves. */
const rawChanges: readonly Change[] = [
  (em, shelves, below) =>
    em.execute(
      'update book set shelf_id = ?, lent = not lent where pages = ?',
      [pick(shelves, below), below(5)],
      'run',
    ),
  (em, shelves) =>
    em.execute(
      "insert into book (title, shelf_id) select 'Raw', id from shelf where id in (?, ?)",
      shelves.slice(0, 2),
      'run',
    ),
  (em, shelves, below) =>
    em.execute('with gone as (delete from book where shelf_id = ? returning id) select id from gone', [
      pick(shelves, below),
    ]),
];

// The other databases have the races of four processes.
describeOnEngineDatabases(
  'writers on several connections',
  kind => {
    const schema = useSchema(kind, library);

    /** Does random changes on several connections; returns the codes for which some were repeated. */
    async function race(all: readonly Change[], isolationLevel: IsolationLevel) {
      const shelves = await addShelves(schema, 4);
      const repeated = await writeAtOnce(schema, shelves, all, {
        writers: WRITERS,
        changesOfEach: CHANGES_OF_EACH,
        isolationLevel,
        repeatable: REPEATABLE,
      });
      await expectExactLibrary(schema);
      const chunks = await Array.fromAsync(verify(schema.em(), Shelf));
      expect(chunks.flatMap(({ drifts }) => drifts)).toEqual([]);
      return repeated;
    }

    it('writers on several connections keep every count exact, and none of them fails but with a row that has moved (read committed)', async () => {
      const codes = await race(changes, IsolationLevel.READ_COMMITTED);
      // Triggers find only when the row is written that it has moved, and lock its shelf out of order.
      const moved = strategy === 'triggers' ? ['COUNTER_CONFLICT', '40P01'] : ['COUNTER_CONFLICT'];
      expect(codes.filter(code => !moved.includes(code))).toEqual([]);
    });

    it.each([IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])(
      'writers on several connections that repeat what the database refuses keep every count exact (%s)',
      async isolationLevel => {
        const codes = await race(changes, isolationLevel);
        expect(codes).toContain('40001');
        expect(codes).not.toContain('40P01');
      },
    );

    if (strategy === 'triggers')
      it('writers on several connections and raw SQL beside them keep every count exact', async () => {
        await race([...changes, ...rawChanges], IsolationLevel.READ_COMMITTED);
      });
  },
  ['postgresql'],
);
