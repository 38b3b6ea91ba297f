import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { deleteWhere, insertMany, updateWhere } from 'mikro-orm-counters';
import { describeOnEngineDatabases, engineServerKinds } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { Book, library, Shelf } from '../models/library.js';

describeOnEngineDatabases(
  'a bulk write in another schema',
  kind => {
    const schema = useSchema(kind, library);
    const other = `other_${randomUUID().replaceAll('-', '')}`;

    beforeAll(async () => {
      await schema.write(`create schema ${other}`);
      const like = (table: string): string =>
        kind === 'postgresql' ? `(like ${table} including all)` : `like ${table}`;
      for (const table of ['shelf', 'book']) await schema.write(`create table ${other}.${table} ${like(table)}`);
    });

    afterAll(() => schema.write(`drop schema ${other}${kind === 'postgresql' ? ' cascade' : ''}`));

    beforeEach(async () => {
      for (const place of ['', `${other}.`]) {
        await schema.write(`delete from ${place}book`);
        await schema.write(`delete from ${place}shelf`);
        await schema.write(`insert into ${place}shelf (id, name, updated_at, book_count, short_count, unsorted_count, verse_count)
        values (1, 'One', '2026-01-01', 1, 0, 1, 1), (2, 'Two', '2026-01-01', 0, 0, 0, 0)`);
        await schema.write(`insert into ${place}book (id, title, shelf_id, lent) values (1, 'A', 1, false)`);
      }
    });

    async function counts(place: string): Promise<number[]> {
      const rows = await schema.rows<{ n: number }>(`select book_count as n from ${place}shelf order by id`);
      return rows.map(({ n }) => n);
    }

    for (const [name, em, options] of [
      ['the entity manager', () => schema.database.em.fork({ schema: other }), () => ({})],
      ['the options', () => schema.em(), () => ({ schema: other })],
    ] as const) {
      it(`a bulk write writes and counts in the schema of ${name}, and nowhere else`, async () => {
        const given = em();
        const shelf = await given.findOneOrFail(Shelf, 1, options());
        await insertMany(given, Book, [{ id: 2, title: 'B', shelf: 1 }], options());
        expect(await counts(`${other}.`)).toEqual([2, 0]);
        expect(shelf.bookCount).toBe(2);
        expect(await updateWhere(given, Book, { title: 'B' }, { shelf: 2, lent: true }, options())).toBe(1);
        expect(await counts(`${other}.`)).toEqual([1, 1]);
        expect(shelf.bookCount).toBe(1);
        expect(await deleteWhere(given, Book, {}, options())).toBe(2);
        expect(await counts(`${other}.`)).toEqual([0, 0]);
        expect(await counts('')).toEqual([1, 0]);
        expect(await schema.rows('select id, title from book')).toEqual([{ id: 1, title: 'A' }]);
      });
    }
  },
  engineServerKinds,
);
