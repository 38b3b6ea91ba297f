import { expect, it } from 'vitest';
import { insertMany, recountAll, type RecountAllOptions, type RecountProgress } from 'mikro-orm-counters';
import { describeOnEngineDatabases, engineServerKinds } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { untilLockWaits } from '../../support/lock-waits.js';
import { addBook, addShelves, Book, expectExactLibrary, library, Shelf, shelfCount } from '../models/library.js';
import { Category, expectExactTree, tree } from '../models/tree.js';

const SHELVES = 12;
/** Shelves and books, with a tree of categories, so that two entities store counts. */
const both = { entities: [...library.entities, ...tree.entities], counters: [...library.counters, ...tree.counters] };

describeOnEngineDatabases('a recount of all', kind => {
  const schema = useSchema(kind, both);
  const run = (options?: RecountAllOptions) => recountAll(schema.em(), options);

  /** Adds shelves with two books each, and a category with a child, and makes five rows of them drift. */
  async function drifting(): Promise<{ shelves: readonly number[]; parent: number }> {
    const shelves = await addShelves(schema, SHELVES);
    const em = schema.em();
    await insertMany(
      em,
      Book,
      shelves.flatMap(shelf => [
        { title: 'One', shelf },
        { title: 'Two', shelf, lent: true },
      ]),
    );
    const parent = em.create(Category, { name: 'Parent' });
    em.create(Category, { name: 'Child', parent });
    await em.flush();
    for (const index of [0, 3, 4, 11])
      await schema.write('update shelf set book_count = 9, lent_count = 7 where id = ?', [shelves[index]!]);
    await schema.write('update category set child_count = 0 where id = ?', [parent.id]);
    return { shelves, parent: parent.id };
  }

  it('a recount of all repairs the counts of every entity and reports what it did', async () => {
    const { shelves, parent } = await drifting();
    const report = await run({ batchSize: 5 });
    expect(report).toMatchObject({ dryRun: false, checked: SHELVES + 2, drifted: 5, repaired: 5, changeCount: 9 });
    expect(report.targets).toEqual([
      { target: 'Category', checked: 2, drifted: 1, repaired: 1, last: [parent + 1] },
      { target: 'Shelf', checked: SHELVES, drifted: 4, repaired: 4, last: [shelves.at(-1)] },
    ]);
    expect(report.changes.slice(0, 2)).toEqual([
      { counter: 'Category.childCount', key: [parent], before: 0, after: 1 },
      { counter: 'Shelf.bookCount', key: [shelves[0]], before: 9, after: 2 },
    ]);
    await Promise.all([expectExactLibrary(schema), expectExactTree(schema)]);
    expect(await run()).toMatchObject({ drifted: 0, repaired: 0, changes: [], changeCount: 0 });
  });

  it('a dry run reports the same changes and makes none', async () => {
    await drifting();
    const rehearsed = await run({ dryRun: true });
    expect(rehearsed).toMatchObject({ dryRun: true, drifted: 5, repaired: 0 });
    expect((await run()).changes).toEqual(rehearsed.changes);
  });

  it('a report lists no more changes than wanted and counts all of them', async () => {
    await drifting();
    const report = await run({ maxChanges: 3 });
    expect([report.changes.length, report.changeCount]).toEqual([3, 9]);
  });

  it.each<[string, (rows: { shelves: readonly number[] }) => RecountAllOptions, number]>([
    ['an entity', () => ({ only: [Shelf] }), 8],
    ['a counter', () => ({ only: ['Shelf.lentCount'] }), 4],
    ['an entity and a counter', () => ({ only: [Category, 'Shelf.lentCount'] }), 5],
    ['all but an entity', () => ({ exclude: [Shelf] }), 1],
    ['all but a counter', () => ({ exclude: ['Shelf.bookCount'] }), 5],
    ['an entity without a counter of it', () => ({ only: [Shelf], exclude: ['Shelf.bookCount'] }), 4],
    ['a range of keys', ({ shelves }) => ({ only: [Shelf], from: [shelves[3]!], to: [shelves[4]!] }), 4],
    ['the keys from one on', ({ shelves }) => ({ only: [Shelf], from: [shelves[4]!], batchSize: 2 }), 4],
    ['the keys up to one', ({ shelves }) => ({ only: [Shelf], to: [shelves[4]!], batchSize: 2 }), 6],
    ['a range without rows', ({ shelves }) => ({ only: [Shelf], from: [shelves.at(-1)! + 1] }), 0],
  ])('a recount of %s changes nothing else', async (_, optionsOf, expected) => {
    const rows = await drifting();
    const report = await run(optionsOf(rows));
    expect(report.changeCount).toBe(expected);
    // What was left is what another recount finds.
    expect((await run()).changeCount).toBe(9 - expected);
  });

  it('the progress names the last row of each chunk, from which another recount can go on', async () => {
    const { shelves } = await drifting();
    const ended = new AbortController();
    let seen: RecountProgress | undefined;
    const cut = run({
      only: [Shelf],
      batchSize: 4,
      signal: ended.signal,
      onProgress: progress => {
        seen = progress;
        ended.abort(new Error('Enough.'));
      },
    });
    await expect(cut).rejects.toThrow('Enough.');
    expect(seen).toMatchObject({ target: 'Shelf', checked: 4, drifted: 2, repaired: 2, last: [shelves[3]] });
    expect(seen!.changes).toHaveLength(4);
    const rest = await run({ only: [Shelf], from: seen!.last! });
    expect(rest).toMatchObject({ checked: SHELVES - 3, repaired: 2 });
    await expectExactLibrary(schema);
  });

  it.each<[string, RecountAllOptions, string]>([
    ['an unknown counter', { only: ['Shelf.pages'] }, '"Shelf.pages"'],
    ['an entity without counts', { exclude: [Book] }, '"Book"'],
    ['no counter', { only: [Shelf], exclude: [Shelf] }, 'No counter is left'],
    ['keys of two entities', { from: [1] }, 'Name one by `only`'],
  ])('a recount of %s is rejected with COUNTER_DECLARATION', async (_, options, message) => {
    await expect(run(options)).rejects.toMatchObject({
      code: 'COUNTER_DECLARATION',
      message: expect.stringContaining(message),
    });
  });

  it('a recount of all inside a transaction is rejected with COUNTER_TRANSACTION', async () => {
    const inside = schema.em().transactional(em => recountAll(em));
    await expect(inside).rejects.toMatchObject({ code: 'COUNTER_TRANSACTION' });
  });
});

describeOnEngineDatabases(
  'a recount of all beside a writer',
  kind => {
    const schema = useSchema(kind, library);

    it('a recount of all waits for a writer of a drifting row, and counts what that one commits', async () => {
      const [shelf] = await addShelves(schema, 1);
      await schema.write('update shelf set book_count = 9 where id = ?', [shelf!]);
      let recounting: Promise<unknown> | undefined;
      await schema.em().transactional(async writer => {
        writer.create(Book, { title: 'Meanwhile', shelf: shelf! });
        await writer.flush();
        recounting = recountAll(schema.em());
        await untilLockWaits(schema.database);
      });
      expect(await recounting).toMatchObject({ checked: 1, drifted: 1, repaired: 1 });
      expect(await shelfCount(schema, shelf!)).toBe(1);
      await addBook(schema, shelf!);
      await expectExactLibrary(schema);
    });
  },
  engineServerKinds,
);
