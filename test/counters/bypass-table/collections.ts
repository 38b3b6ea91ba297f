import { Club, Membership, Person } from '../models/clubs.js';
import { Book, Shelf } from '../models/library.js';
import { Author, Product, Review } from '../models/shop.js';
import { clubModel, libraryModel, shopModel } from './models.js';
import { program, type Program } from './program.js';

/** The programs that write by collections and cascades. */
export const collections: Program[] = [
  program('a one-to-many collection that is loaded: `add()`, `remove()`, `set()`, `removeAll()`', libraryModel, {
    add: async ({ shelf }, place) => {
      const em = place.em();
      const { books } = await em.findOneOrFail(Shelf, shelf, { populate: ['books'] });
      books.add(em.create(Book, { title: 'New' }));
      await em.flush();
    },
    remove: async ({ shelf }, place) => {
      const em = place.em();
      const { books } = await em.findOneOrFail(Shelf, shelf, { populate: ['books'] });
      books.remove(books[0]!);
      await em.flush();
    },
    set: async ({ shelf }, place) => {
      const em = place.em();
      const { books } = await em.findOneOrFail(Shelf, shelf, { populate: ['books'] });
      books.set([em.create(Book, { title: 'New' }), em.create(Book, { title: 'Newer' })]);
      await em.flush();
    },
    removeAll: async ({ shelf }, place) => {
      const em = place.em();
      (await em.findOneOrFail(Shelf, shelf, { populate: ['books'] })).books.removeAll();
      await em.flush();
    },
  }),
  program('a one-to-many collection that is not loaded: `add()`', libraryModel, {
    'a new row': async ({ shelf }, place) => {
      const em = place.em();
      (await em.findOneOrFail(Shelf, shelf)).books.add(em.create(Book, { title: 'New' }));
      await em.flush();
    },
    'a row of another': async ({ book, other }, place) => {
      const em = place.em();
      (await em.findOneOrFail(Shelf, other)).books.add(await em.findOneOrFail(Book, book));
      await em.flush();
    },
  }),
  program('a one-to-many collection that is not loaded: `set()`, `removeAll()`', libraryModel, {
    set: async ({ shelf }, place) => {
      const em = place.em();
      (await em.findOneOrFail(Shelf, shelf)).books.set([em.create(Book, { title: 'Only' })]);
      await em.flush();
    },
    removeAll: async ({ shelf }, place) => {
      const em = place.em();
      (await em.findOneOrFail(Shelf, shelf)).books.removeAll();
      await em.flush();
    },
  }),
  program('a one-to-many collection that is not loaded: `remove()`', libraryModel, {
    remove: async ({ shelf, book }, place) => {
      const em = place.em();
      (await em.findOneOrFail(Shelf, shelf)).books.remove(em.getReference(Book, book));
      await em.flush();
    },
  }),
  program('`orphanRemoval` in a collection that is loaded', shopModel, {
    remove: async ({ author }, place) => {
      const em = place.em();
      const { reviews } = await em.findOneOrFail(Author, author, { populate: ['reviews'] });
      reviews.remove(reviews[0]!);
      await em.flush();
    },
    set: async ({ author, product }, place) => {
      const em = place.em();
      const { reviews } = await em.findOneOrFail(Author, author, { populate: ['reviews'] });
      reviews.set([em.create(Review, { product: em.getReference(Product, product, { wrapped: true }) })]);
      await em.flush();
    },
  }),
  program('`orphanRemoval` in a collection that is not loaded: `set()`, `removeAll()`', shopModel, {
    removeAll: async ({ author }, place) => {
      const em = place.em();
      (await em.findOneOrFail(Author, author)).reviews.removeAll();
      await em.flush();
    },
    set: async ({ author, product }, place) => {
      const em = place.em();
      (await em.findOneOrFail(Author, author)).reviews.set([
        em.create(Review, { product: em.getReference(Product, product, { wrapped: true }) }),
      ]);
      await em.flush();
    },
  }),
  program(
    '`Cascade.REMOVE` or `orphanRemoval` over a collection that is loaded, when its target is removed',
    shopModel,
    {
      remove: async ({ author }, place) => {
        const em = place.em();
        await em.remove(await em.findOneOrFail(Author, author, { populate: ['reviews'] })).flush();
      },
    },
  ),
  program(
    '`Cascade.REMOVE` or `orphanRemoval` over a collection that is not loaded, when its target is removed',
    shopModel,
    {
      'a target that was loaded': async ({ author }, place) => {
        const em = place.em();
        await em.remove(await em.findOneOrFail(Author, author)).flush();
      },
      'a reference': async ({ author }, place) => {
        const em = place.em();
        await em.remove(em.getReference(Author, author)).flush();
      },
    },
  ),
  program('a new target with its collection (`Cascade.PERSIST`)', libraryModel, {
    create: async (_, place) => {
      const em = place.em();
      em.create(Shelf, { name: 'New', books: [{ title: 'One' }, { title: 'Two', lent: true }] });
      await em.flush();
    },
  }),
  program('a many-to-many collection over a counted pivot table', clubModel, {
    add: async ({ person, other }, place) => {
      const em = place.em();
      (await em.findOneOrFail(Person, person, { populate: ['clubs'] })).clubs.add(em.getReference(Club, other));
      await em.flush();
    },
    'add, not loaded': async ({ person, other }, place) => {
      const em = place.em();
      (await em.findOneOrFail(Person, person)).clubs.add(em.getReference(Club, other));
      await em.flush();
    },
    set: async ({ person, other }, place) => {
      const em = place.em();
      (await em.findOneOrFail(Person, person, { populate: ['clubs'] })).clubs.set([em.getReference(Club, other)]);
      await em.flush();
    },
    removeAll: async ({ person }, place) => {
      const em = place.em();
      (await em.findOneOrFail(Person, person, { populate: ['clubs'] })).clubs.removeAll();
      await em.flush();
    },
    'the inverse side': async ({ club }, place) => {
      const em = place.em();
      (await em.findOneOrFail(Club, club, { populate: ['people'] })).people.removeAll();
      await em.flush();
    },
  }),
  program('rows of a counted pivot table as entities', clubModel, {
    'create and remove': async ({ club, other, person }, place) => {
      const em = place.em();
      em.remove(await em.findOneOrFail(Membership, { club, person }));
      em.create(Membership, { club: other, person });
      await em.flush();
    },
  }),
];
