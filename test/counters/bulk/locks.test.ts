import { IsolationLevel, LockMode } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { beforeAll, expect, it } from 'vitest';
import { deleteWhere, insertMany, updateWhere } from 'mikro-orm-counters';
import { beforeStatement } from '../../support/between-statements.js';
import { describeOnServers } from '../../support/databases.js';
import { untilLockWaits } from '../../support/lock-waits.js';
import { useSchema } from '../../support/schema.js';
import { addShelves, Book, expectExactLibrary, library } from '../models/library.js';

/** So few that MySQL and MariaDB would rather read the whole table than find some of its rows by their keys. */
const BOOKS = 60;

describeOnServers('bulk writes at the same time', kind => {
  const schema = useSchema(kind, library);

  const calls: [string, (em: SqlEntityManager, shelf: number) => Promise<unknown>, RegExp][] = [
    ['deleteWhere()', (em, shelf) => deleteWhere(em, Book, { shelf }), /^delete/],
    ['updateWhere()', (em, shelf) => updateWhere(em, Book, { shelf }, { title: 'Changed' }), /^update .book/],
  ];
  const levels = [IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ] as const;
  it.each(calls.flatMap(([name, ...call]) => levels.map(level => [name, level, ...call] as const)))(
    'two calls of %s for the rows of different targets do not deadlock (%s)',
    async (_, isolationLevel, write, writing) => {
      const shelves = await addShelves(schema, 2);
      // Those of both shelves alternate, and the first one is of the second shelf.
      await insertMany(
        schema.em(),
        Book,
        Array.from({ length: BOOKS }, (_one, index) => ({ shelf: shelves[(index + 1) % 2]!, title: 'Book' })),
      );
      const run = (shelf: number): Promise<unknown> =>
        schema.em().transactional(em => write(em, shelf), { isolationLevel });
      // Both have locked their rows, or what the second one has locked until it waits for the first one.
      let second: Promise<unknown> | undefined;
      beforeStatement(schema.database, writing, () => {
        const there = Promise.withResolvers<void>();
        beforeStatement(schema.database, writing, () => Promise.resolve(there.resolve()));
        second = run(shelves[1]!);
        return Promise.race([there.promise, untilLockWaits(schema.database)]);
      });
      await run(shelves[0]!);
      await second;
      await expectExactLibrary(schema);
    },
  );

  beforeAll(() => schema.write('create index book_title on book (title)'));
  it.each([
    ['deleteWhere()', (em: SqlEntityManager) => deleteWhere(em, Book, { title: 'Old' })],
    ['updateWhere()', (em: SqlEntityManager) => updateWhere(em, Book, { title: 'Old' }, { lent: true })],
  ])(
    '%s of rows that an index finds does not deadlock with a transaction that has locked one of them by its key and changes the index',
    async (_, write) => {
      const [shelf] = await addShelves(schema, 1);
      await insertMany(
        schema.em(),
        Book,
        Array.from({ length: BOOKS }, (_one, index) => ({ shelf: shelf!, title: index % 20 === 7 ? 'Old' : 'Other' })),
      );
      // Only then is the index as good as it can be.
      await schema.write(kind === 'postgresql' ? 'analyze book' : 'analyze table book');
      const last = await schema.em().findOneOrFail(Book, { title: 'Old' }, { orderBy: { id: 'desc' } });
      let writing: Promise<number> | undefined;
      await schema.em().transactional(async em => {
        const book = await em.findOneOrFail(Book, last.id, { lockMode: LockMode.PESSIMISTIC_WRITE });
        writing = write(schema.em());
        await untilLockWaits(schema.database);
        book.title = 'New';
      });
      expect(await writing).toBe(2);
      await expectExactLibrary(schema);
    },
  );
});
