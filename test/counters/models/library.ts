import { Collection, type Opt, type Ref } from '@mikro-orm/core';
import { Entity, Enum, ManyToOne, OneToMany, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
import { defineCounter } from 'mikro-orm-counters';
import { expectExact, type StoredCount } from '../../support/exact-counts.js';
import type { Schema, SchemaOptions } from '../../support/schema.js';

export enum Genre {
  NOVEL = 'novel',
  POEM = 'poem',
  ATLAS = 'atlas',
}

/**
 * A target with everything that a careless UPDATE would change: an optimistic version and a time of the last change.
 */
@Entity({ tableName: 'shelf' })
export class Shelf {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'string' })
  name!: string;

  @Property({ type: 'integer', version: true })
  version!: Opt<number>;

  @Property({ type: 'Date', length: 3, onCreate: () => new Date(0), onUpdate: () => new Date() })
  updatedAt!: Opt<Date>;

  @OneToMany(() => Book, book => book.shelf)
  books = new Collection<Book>(this);

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly bookCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly lentCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly shortCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly unsortedCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly verseCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly lentNovelCount: Opt<number> = 0;
}

/** A counted row that need not be on any shelf, with one property of each kind that a condition can name. */
@Entity({ tableName: 'book' })
export class Book {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'string' })
  title!: string;

  @ManyToOne(() => Shelf, { ref: true, nullable: true, deleteRule: 'restrict', updateRule: 'restrict' })
  shelf?: Ref<Shelf> | null;

  @Enum({ items: () => Genre, nullable: true })
  genre?: Genre | null;

  @Property({ type: 'integer', nullable: true })
  pages?: number | null;

  @Property({ type: 'boolean', default: false })
  lent: Opt<boolean> = false;
}

/** Shelves and books, with counters for every kind of condition. */
export const library: SchemaOptions = {
  entities: [Shelf, Book],
  counters: [
    defineCounter({ counted: Book, by: 'shelf', into: 'bookCount' }),
    defineCounter({ counted: Book, by: 'shelf', into: 'lentCount', where: { lent: true } }),
    defineCounter({ counted: Book, by: 'shelf', into: 'shortCount', where: { pages: [1, 2, 3] } }),
    defineCounter({ counted: Book, by: 'shelf', into: 'unsortedCount', where: { genre: null } }),
    defineCounter({ counted: Book, by: 'shelf', into: 'verseCount', where: { genre: [Genre.POEM, null] } }),
    defineCounter({ counted: Book, by: 'shelf', into: 'lentNovelCount', where: { genre: Genre.NOVEL, lent: true } }),
  ],
};

const stored: StoredCount[] = Object.entries({
  book_count: '1 = 1',
  lent_count: 'c.lent',
  short_count: 'c.pages in (1, 2, 3)',
  unsorted_count: 'c.genre is null',
  verse_count: "c.genre = 'poem' or c.genre is null",
  lent_novel_count: "c.genre = 'novel' and c.lent",
}).map(([column, where]) => ({ target: 'shelf', column, counted: 'book', by: { id: 'shelf_id' }, where }));

/** Asserts that every shelf's counts are exact. */
export function expectExactLibrary(schema: Schema): Promise<void> {
  return expectExact(schema, ...stored);
}

/** Adds shelves without books and returns their ids, ascending. */
export async function addShelves(schema: Schema, amount: number): Promise<number[]> {
  const em = schema.em();
  const shelves = Array.from({ length: amount }, (_, index) => em.create(Shelf, { name: `Shelf ${index}` }));
  await em.flush();
  return shelves.map(({ id }) => id);
}

/** Adds one book through an entity manager of its own and returns its id. */
export async function addBook(
  schema: Schema,
  shelf: number | null,
  values: { genre?: Genre | null; pages?: number | null; lent?: boolean } = {},
): Promise<number> {
  const em = schema.em();
  const book = em.create(Book, { title: 'A book', shelf, ...values });
  await em.flush();
  return book.id;
}

/** Returns one stored count of a shelf by raw SQL. */
export async function shelfCount(schema: Schema, id: number, column = 'book_count'): Promise<number> {
  const [row] = await schema.rows(`select ${column} from shelf where id = ?`, [id]);
  return Number(row![column]);
}
