import { expect, it } from 'vitest';
import { OptimisticLockError } from '@mikro-orm/core';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema, type Schema } from '../../support/schema.js';
import { addBook, addShelves, Book, expectExactLibrary, library, Shelf, shelfCount } from '../models/library.js';

async function rest(schema: Schema, id: number): Promise<object> {
  const [row] = await schema.rows('select name, version, updated_at from shelf where id = ?', [id]);
  return row!;
}

describeOnEngineDatabases('counting', kind => {
  const schema = useSchema(kind, library);

  it('counting changes neither the optimistic version of the target nor its time of change', async () => {
    const [id] = await addShelves(schema, 1);
    const before = await rest(schema, id!);
    const book = await addBook(schema, id!);
    const em = schema.em();
    await em.findOneOrFail(Shelf, id!);
    em.remove(await em.findOneOrFail(Book, book));
    await em.flush();
    expect(await rest(schema, id!)).toEqual(before);
  });

  it('counting lets a target that was loaded before be saved under its version', async () => {
    const [id] = await addShelves(schema, 1);
    const em = schema.em();
    const shelf = await em.findOneOrFail(Shelf, id!);
    await addBook(schema, id!);
    shelf.name = 'Renamed';
    await em.flush();
    expect(shelf.version).toBe(2);
    expect(await shelfCount(schema, id!)).toBe(1);
  });

  it('counting and renaming the target in one flush increases its version once', async () => {
    const [id] = await addShelves(schema, 1);
    const em = schema.em();
    const shelf = await em.findOneOrFail(Shelf, id!);
    shelf.name = 'Renamed';
    em.create(Book, { title: 'A book', shelf });
    await em.flush();
    expect([shelf.version, shelf.bookCount, shelf.name]).toEqual([2, 1, 'Renamed']);
    expect(await rest(schema, id!)).toMatchObject({ version: 2, name: 'Renamed' });
    await expectExactLibrary(schema);
  });

  it('counting is undone when the same flush loses against another version of the target', async () => {
    const [id] = await addShelves(schema, 1);
    const em = schema.em();
    const shelf = await em.findOneOrFail(Shelf, id!);
    await schema.write('update shelf set version = version + 1 where id = ?', [id!]);
    shelf.name = 'Renamed';
    em.create(Book, { title: 'A book', shelf });
    await expect(em.flush()).rejects.toThrow(OptimisticLockError);
    expect(await shelfCount(schema, id!)).toBe(0);
    await expectExactLibrary(schema);
  });

  it('counting leaves a target that is only a reference uninitialized', async () => {
    const [id] = await addShelves(schema, 1);
    const em = schema.em();
    const shelf = em.getReference(Shelf, id!);
    em.create(Book, { title: 'A book', shelf });
    await em.flush();
    const loaded = await em.findOneOrFail(Shelf, id!);
    expect([loaded.name, loaded.bookCount]).toEqual(['Shelf 0', 1]);
  });

  it('counting shows a partially loaded target its counts and leaves the rest unloaded', async () => {
    const [id] = await addShelves(schema, 1);
    const em = schema.em();
    const shelf = await em.findOneOrFail(Shelf, id!, { fields: ['name'] });
    em.create(Book, { title: 'A book', shelf: id! });
    await em.flush();
    expect(await shelfCount(schema, id!)).toBe(1);
    const whole = await em.findOneOrFail(Shelf, id!);
    expect(Object.is(whole, shelf)).toBe(true);
    expect([whole.bookCount, whole.version]).toEqual([1, 1]);
  });
});

describeOnEngineDatabases('a clone of a target', kind => {
  const schema = useSchema(kind, library);

  it('a clone of a target starts at 0, whatever the counts of the original', async () => {
    const [id] = await addShelves(schema, 1);
    await addBook(schema, id!, { lent: true });
    const em = schema.em();
    const copy = await em.clone(await em.findOneOrFail(Shelf, id!), { name: 'Copy' });
    expect([copy.name, copy.bookCount, copy.lentCount]).toEqual(['Copy', 0, 0]);
    await expectExactLibrary(schema);
  });

  it('a clone of a target that is made by class and key starts at 0', async () => {
    const [id] = await addShelves(schema, 1);
    await addBook(schema, id!);
    const copy = await schema.em().clone(Shelf, id, { name: 'Copy' });
    expect(await shelfCount(schema, copy.id)).toBe(0);
    await expectExactLibrary(schema);
  });

  it('a clone of a target counts its own rows from then on', async () => {
    const [id] = await addShelves(schema, 1);
    await addBook(schema, id!);
    const copy = await schema.em().clone(Shelf, id);
    await addBook(schema, copy.id);
    await addBook(schema, copy.id);
    expect([await shelfCount(schema, id!), await shelfCount(schema, copy.id)]).toEqual([1, 2]);
    await expectExactLibrary(schema);
  });

  it('a clone of a target with a given stored count throws COUNTER_ASSIGNED, and a counted row cannot be cloned', async () => {
    const [id] = await addShelves(schema, 1);
    const book = await addBook(schema, id!);
    await expect(schema.em().clone(Shelf, id, { bookCount: 7 })).rejects.toMatchObject({
      code: 'COUNTER_ASSIGNED',
      message: expect.stringContaining('7'),
    });
    await expect(schema.em().clone(Book, book)).rejects.toMatchObject({ code: 'COUNTER_BYPASS' });
    expect(await schema.rows('select id from book')).toHaveLength(1);
    await expectExactLibrary(schema);
  });
});
