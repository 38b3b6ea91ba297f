import { expect, it } from 'vitest';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { addBook, addShelves, Book, expectExactLibrary, Genre, library, shelfCount } from '../models/library.js';

type Values = { genre?: Genre | null; pages?: number | null; lent?: boolean };

/** A counter, values of a row that it counts, and values of a row that it does not. */
const conditions: [name: string, column: string, counted: Values, other: Values][] = [
  ['a boolean', 'lent_count', { lent: true }, { lent: false }],
  ['one of several numbers', 'short_count', { pages: 3 }, { pages: 4 }],
  ['a number that may be null', 'short_count', { pages: 1 }, { pages: null }],
  ['null', 'unsorted_count', { genre: null }, { genre: Genre.ATLAS }],
  ['null or an enum value, by null', 'verse_count', { genre: null }, { genre: Genre.NOVEL }],
  ['null or an enum value, by the value', 'verse_count', { genre: Genre.POEM }, { genre: Genre.NOVEL }],
  [
    'two properties, of which the first fails',
    'lent_novel_count',
    { genre: Genre.NOVEL, lent: true },
    { genre: Genre.POEM, lent: true },
  ],
  [
    'two properties, of which the second fails',
    'lent_novel_count',
    { genre: Genre.NOVEL, lent: true },
    { genre: Genre.NOVEL, lent: false },
  ],
];

describeOnEngineDatabases('a counter with a condition', kind => {
  const schema = useSchema(kind, library);

  it.each(conditions)(
    'a counter with a condition on %s counts only the rows that meet it',
    async (_name, column, counted, other) => {
      const [shelf] = await addShelves(schema, 1);
      await addBook(schema, shelf!, counted);
      await addBook(schema, shelf!, other);
      expect(await shelfCount(schema, shelf!, column)).toBe(1);
      await expectExactLibrary(schema);
    },
  );

  it.each(conditions)(
    'a counter with a condition on %s counts a row that begins to meet it',
    async (_name, column, counted, other) => {
      const [shelf] = await addShelves(schema, 1);
      const id = await addBook(schema, shelf!, other);
      const em = schema.em();
      Object.assign(await em.findOneOrFail(Book, id), counted);
      await em.flush();
      expect(await shelfCount(schema, shelf!, column)).toBe(1);
      await expectExactLibrary(schema);
    },
  );

  it.each(conditions)(
    'a counter with a condition on %s stops counting a row that no longer meets it',
    async (_name, column, counted, other) => {
      const [shelf] = await addShelves(schema, 1);
      const id = await addBook(schema, shelf!, counted);
      const em = schema.em();
      Object.assign(await em.findOneOrFail(Book, id), other);
      await em.flush();
      expect(await shelfCount(schema, shelf!, column)).toBe(0);
      await expectExactLibrary(schema);
    },
  );

  it.each(conditions)(
    'removing a row decrements a counter with a condition on %s only if the row meets it',
    async (_name, column, counted, other) => {
      const [shelf] = await addShelves(schema, 1);
      const [inside, outside] = [await addBook(schema, shelf!, counted), await addBook(schema, shelf!, other)];
      const em = schema.em();
      em.remove(await em.findOneOrFail(Book, outside));
      await em.flush();
      expect(await shelfCount(schema, shelf!, column)).toBe(1);
      em.remove(await em.findOneOrFail(Book, inside));
      await em.flush();
      expect(await shelfCount(schema, shelf!, column)).toBe(0);
    },
  );

  it('a change from one accepted value to another does not change the count', async () => {
    const [shelf] = await addShelves(schema, 1);
    const id = await addBook(schema, shelf!, { pages: 1, genre: null });
    const em = schema.em();
    em.assign(await em.findOneOrFail(Book, id), { pages: 3, genre: Genre.POEM });
    await em.flush();
    expect(await shelfCount(schema, shelf!, 'short_count')).toBe(1);
    expect(await shelfCount(schema, shelf!, 'verse_count')).toBe(1);
    await expectExactLibrary(schema);
  });

  it('a condition treats a property that was never set as null', async () => {
    const [shelf] = await addShelves(schema, 1);
    const em = schema.em();
    const book = new Book();
    Object.assign(book, { title: 'Bare' });
    em.assign(book, { shelf: shelf! }, { em });
    await em.persist(book).flush();
    expect(await shelfCount(schema, shelf!, 'unsorted_count')).toBe(1);
    await expectExactLibrary(schema);
  });

  it('changing the condition of a partially loaded entity changes the count', async () => {
    const [shelf] = await addShelves(schema, 1);
    const id = await addBook(schema, shelf!, { genre: Genre.NOVEL, lent: false, pages: 2 });
    const em = schema.em();
    const book = await em.findOneOrFail(Book, id, { fields: ['lent'] });
    book.lent = true;
    await em.flush();
    expect(await shelfCount(schema, shelf!, 'lent_novel_count')).toBe(1);
    await expectExactLibrary(schema);
  });

  it('two rows that begin and cease to meet the condition in one flush leave the count unchanged', async () => {
    const [shelf] = await addShelves(schema, 1);
    const [first, second] = [
      await addBook(schema, shelf!, { lent: true }),
      await addBook(schema, shelf!, { lent: false }),
    ];
    const em = schema.em();
    for (const book of await em.find(Book, { id: [first, second] })) book.lent = !book.lent;
    await em.flush();
    expect(await shelfCount(schema, shelf!, 'lent_count')).toBe(1);
    await expectExactLibrary(schema);
  });
});
