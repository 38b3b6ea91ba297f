import { Cascade, Collection, type Opt, type Ref } from '@mikro-orm/core';
import { Entity, ManyToOne, OneToMany, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
import { defineCounter } from 'mikro-orm-counters';
import { expectExact, type StoredCount } from '../../support/exact-counts.js';
import type { Schema, SchemaOptions } from '../../support/schema.js';

/** A row with which the database removes its albums, and so on down to the notes. */
@Entity({ tableName: 'owner' })
export class Owner {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly albumCount: Opt<number> = 0;
}

/** A row that counted rows may refer to, and that counts nothing. */
@Entity({ tableName: 'photographer' })
export class Photographer {
  @PrimaryKey({ type: 'integer' })
  id!: number;
}

/** A counted row and a target. Its code is unique, so that one album can take the place of another. */
@Entity({ tableName: 'album' })
export class Album {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'integer', unique: true })
  code!: number;

  @ManyToOne(() => Owner, { ref: true, deleteRule: 'cascade' })
  owner!: Ref<Owner>;

  @OneToMany(() => Photo, photo => photo.album, { cascade: [Cascade.PERSIST, Cascade.REMOVE] })
  photos = new Collection<Photo>(this);

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly photoCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly seenCount: Opt<number> = 0;
}

/** A counted row that the database removes with its album, and that loses its photographer by MikroORM's own rule. */
@Entity({ tableName: 'photo' })
export class Photo {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Album, { ref: true, deleteRule: 'cascade' })
  album!: Ref<Album>;

  @ManyToOne(() => Photographer, { ref: true, nullable: true })
  photographer?: Ref<Photographer> | null;

  @Property({ type: 'boolean', default: false })
  seen: Opt<boolean> = false;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly noteCount: Opt<number> = 0;
}

/** A counted row whose target the database removes. It is in no drawer when its drawer has gone. */
@Entity({ tableName: 'note' })
class Note {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Photo, { ref: true, deleteRule: 'cascade' })
  photo!: Ref<Photo>;
}

/** A target that its rows outlive. */
@Entity({ tableName: 'drawer' })
export class Drawer {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'integer', unique: true })
  code!: number;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly slideCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly seenCount: Opt<number> = 0;
}

/** A counted row that is in no drawer, by MikroORM's own rule, when its drawer has gone. */
@Entity({ tableName: 'slide' })
export class Slide {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Drawer, { ref: true, nullable: true })
  drawer?: Ref<Drawer> | null;

  @Property({ type: 'boolean', default: false })
  seen: Opt<boolean> = false;
}

/** Entities whose foreign keys have rules by which the database removes and changes counted rows, but no count. */
export const gallery: SchemaOptions = {
  entities: [Owner, Photographer, Album, Photo, Note, Drawer, Slide],
  counters: [
    defineCounter({ counted: Album, by: 'owner', into: 'albumCount' }),
    defineCounter({ counted: Photo, by: 'album', into: 'photoCount' }),
    defineCounter({ counted: Photo, by: 'album', into: 'seenCount', where: { seen: true } }),
    defineCounter({ counted: Note, by: 'photo', into: 'noteCount' }),
    defineCounter({ counted: Slide, by: 'drawer', into: 'slideCount' }),
    defineCounter({ counted: Slide, by: 'drawer', into: 'seenCount', where: { seen: true } }),
  ],
};

const stored: StoredCount[] = [
  { target: 'owner', column: 'album_count', counted: 'album', by: { id: 'owner_id' } },
  { target: 'album', column: 'photo_count', counted: 'photo', by: { id: 'album_id' } },
  { target: 'album', column: 'seen_count', counted: 'photo', by: { id: 'album_id' }, where: 'c.seen = true' },
  { target: 'photo', column: 'note_count', counted: 'note', by: { id: 'photo_id' } },
  { target: 'drawer', column: 'slide_count', counted: 'slide', by: { id: 'drawer_id' } },
  { target: 'drawer', column: 'seen_count', counted: 'slide', by: { id: 'drawer_id' }, where: 'c.seen = true' },
];

/** Asserts that every stored count is exact. */
export function expectExactGallery(schema: Schema): Promise<void> {
  return expectExact(schema, ...stored);
}

/** The keys of the rows that addGallery() adds. */
export interface AddedGallery {
  readonly owners: number[];
  readonly photographers: number[];
  readonly albums: number[];
  /** Three photos in each album, the last of them seen, with one note each. */
  readonly photos: number[];
  readonly drawers: number[];
  /** Three slides in each drawer, the last of them seen. */
  readonly slides: number[];
}

/** Adds two owners, each with an album, and two drawers, with what is in them. */
export async function addGallery(schema: Schema): Promise<AddedGallery> {
  const em = schema.em();
  const photographer = em.create(Photographer, {});
  const owners = [em.create(Owner, {}), em.create(Owner, {})];
  const albums = owners.map((owner, index) => em.create(Album, { code: index + 1, owner }));
  const photos = albums.flatMap(album =>
    [false, false, true].map(seen => em.create(Photo, { album, photographer, seen })),
  );
  for (const photo of photos) em.create(Note, { photo });
  const drawers = [1, 2].map(code => em.create(Drawer, { code }));
  const slides = drawers.flatMap(drawer => [false, false, true].map(seen => em.create(Slide, { drawer, seen })));
  await em.flush();
  const keys = (rows: readonly { id: number }[]): number[] => rows.map(({ id }) => id);
  return {
    owners: keys(owners),
    photographers: [photographer.id],
    albums: keys(albums),
    photos: keys(photos),
    drawers: keys(drawers),
    slides: keys(slides),
  };
}
