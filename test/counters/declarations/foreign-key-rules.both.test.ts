import { expect, it } from 'vitest';
import { deleteWhere } from 'mikro-orm-counters';
import { describeOnEngineDatabases, strategy } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import {
  addGallery,
  Album,
  Photographer,
  Drawer,
  expectExactGallery,
  gallery as model,
  Owner,
  Photo,
  Slide,
} from '../models/gallery.js';

describeOnEngineDatabases('rows that the database removes or changes with others', kind => {
  const schema = useSchema(kind, model);
  const amountOf = async (table: string): Promise<number> =>
    Number((await schema.rows<{ n: unknown }>(`select count(*) as n from ${table}`))[0]!.n);

  it('a target takes its counted rows along', async () => {
    const { albums } = await addGallery(schema);
    const em = schema.em();
    await em.remove(await em.findOneOrFail(Album, albums[0]!)).flush();
    expect([await amountOf('photo'), await amountOf('note')]).toEqual([3, 3]);
    await expectExactGallery(schema);
  });

  it('a row that counts nothing takes targets and their counted rows along', async () => {
    const { owners } = await addGallery(schema);
    const em = schema.em();
    await em.remove(em.getReference(Owner, owners[1]!)).flush();
    expect([await amountOf('album'), await amountOf('photo'), await amountOf('note')]).toEqual([1, 3, 3]);
    await expectExactGallery(schema);
  });

  it('targets that are deleted past the entity manager take their counted rows along', async () => {
    const { albums, owners } = await addGallery(schema);
    if (strategy === 'hooks') await deleteWhere(schema.em(), Album, { id: albums[0]! });
    await schema.em().nativeDelete(Owner, { id: owners[1]! });
    await expectExactGallery(schema);
  });

  it('rows that come, change, move away and go in the flush that removes their target are counted', async () => {
    const { albums, photos } = await addGallery(schema);
    const em = schema.em();
    const [from, to] = await em.find(Album, { id: albums }, { orderBy: { id: 'asc' } });
    const [first, second, third] = await em.find(Photo, { id: photos.slice(0, 3) }, { orderBy: { id: 'asc' } });
    em.assign(first!, { album: to!, seen: true });
    em.assign(second!, { seen: true });
    em.remove(third!);
    em.create(Photo, { album: to!, seen: true });
    em.remove(from!);
    await em.flush();
    expect([to!.photoCount, to!.seenCount]).toEqual([5, 3]);
    await expectExactGallery(schema);
  });

  it('rows of a target whose place another takes in the same flush are counted', async () => {
    const { albums, photos, owners } = await addGallery(schema);
    const em = schema.em();
    const [from, to] = await em.find(Album, { id: albums }, { orderBy: { id: 'asc' } });
    const [first, second] = await em.find(Photo, { id: photos.slice(0, 3) }, { orderBy: { id: 'asc' } });
    // The database deletes the album first, because of its code, and with it the photo that is to move.
    em.assign(first!, { album: to! });
    em.assign(second!, { seen: true });
    const successor = em.create(Album, { code: from!.code, owner: owners[0]! });
    em.create(Photo, { album: successor });
    em.remove(from!);
    await em.flush();
    expect([await amountOf('photo'), to!.photoCount, successor.photoCount]).toEqual([4, 3, 1]);
    await expectExactGallery(schema);
  });

  it('a target that takes the key of another in the same flush begins without its rows', async () => {
    const { drawers, slides } = await addGallery(schema);
    const em = schema.em();
    const from = await em.findOneOrFail(Drawer, drawers[0]!);
    const slide = await em.findOneOrFail(Slide, slides[0]!);
    em.assign(slide, { seen: true });
    const successor = Object.assign(new Drawer(), { id: from.id, code: from.code });
    em.persist(successor).remove(from);
    await em.flush();
    expect([successor.slideCount, successor.seenCount]).toEqual([0, 0]);
    await expectExactGallery(schema);
  });

  it('a row that names its target by a key that another takes is counted, or refused', async () => {
    const { drawers } = await addGallery(schema);
    const em = schema.em();
    const from = await em.findOneOrFail(Drawer, drawers[0]!);
    const successor = Object.assign(new Drawer(), { id: from.id, code: from.code });
    em.create(Slide, { drawer: from });
    const flush = em.persist(successor).remove(from).flush();
    if (strategy === 'triggers') await flush;
    else await expect(flush).rejects.toMatchObject({ code: 'COUNTER_BYPASS' });
    await expectExactGallery(schema);
  });

  it('rows that have gone with their target are not counted when they are changed after', async () => {
    const { albums, photos } = await addGallery(schema);
    const em = schema.em();
    const [from, to] = await em.find(Album, { id: albums }, { orderBy: { id: 'asc' } });
    const [first, second] = await em.find(Photo, { id: photos.slice(0, 3) }, { orderBy: { id: 'asc' } });
    await em.remove(from!).flush();
    em.assign(first!, { album: to!, seen: true });
    em.remove(second!);
    await em.flush();
    expect(to!.photoCount).toBe(3);
    await expectExactGallery(schema);
  });

  it('removing a target with its loaded collection counts', async () => {
    const { albums } = await addGallery(schema);
    const em = schema.em();
    const album = await em.findOneOrFail(Album, albums[0]!, { populate: ['photos'] });
    await em.remove(album).flush();
    expect(await amountOf('photo')).toBe(3);
    await expectExactGallery(schema);
  });

  it('rows that lose what does not count stay counted', async () => {
    const { photographers } = await addGallery(schema);
    const em = schema.em();
    await em.remove(await em.findOneOrFail(Photographer, photographers[0]!)).flush();
    expect(await amountOf('photo where photographer_id is null')).toBe(6);
    await expectExactGallery(schema);
  });

  it('rows that lose their target are counted again where they go', async () => {
    const { drawers, slides } = await addGallery(schema);
    const em = schema.em();
    const [from, to] = await em.find(Drawer, { id: drawers }, { orderBy: { id: 'asc' } });
    const [first, second] = await em.find(Slide, { id: slides }, { orderBy: { id: 'asc' } });
    em.assign(second!, { seen: true });
    await em.remove(from!).flush();
    await expectExactGallery(schema);
    em.assign(first!, { drawer: to!, seen: true });
    em.remove(second!);
    await em.flush();
    expect([to!.slideCount, to!.seenCount, await amountOf('slide')]).toEqual([4, 2, 5]);
    await expectExactGallery(schema);
  });

  it('a rollback leaves rows and counts as they were', async () => {
    const { albums, photos } = await addGallery(schema);
    const em = schema.em();
    await expect(
      em.transactional(async inner => {
        inner.assign(await inner.findOneOrFail(Photo, photos[0]!), { album: albums[1]! });
        await inner.remove(await inner.findOneOrFail(Album, albums[0]!)).flush();
        throw new Error('changed my mind');
      }),
    ).rejects.toThrow('changed my mind');
    expect(await amountOf('photo')).toBe(6);
    await expectExactGallery(schema);
  });
});
