import { EnrollmentStatus } from '../../../src/entities/index.js';
import type { Schema } from '../../support/schema.js';
import { Clinic, expectExactClinic, Pet, Visit } from '../models/clinic.js';
import { Club, expectExactClubs, Membership, Person } from '../models/clubs.js';
import { Clerk, Desk, expectExactDesks } from '../models/desks.js';
import { addGallery, expectExactGallery } from '../models/gallery.js';
import { addBoxes, addLetter, expectExactLetters } from '../models/letters.js';
import { addBook, addShelves, expectExactLibrary } from '../models/library.js';
import { addCourses, addStudents, enroll, expectExactSchool } from '../models/school.js';
import { Author, expectExactShop, Product, Review } from '../models/shop.js';

/** The tables on which a way is tried, with a few rows, and the check of their counts. */
export interface Model<Seed> {
  readonly tables: readonly string[];
  readonly seed: (schema: Schema) => Promise<Seed>;
  readonly exact: (schema: Schema) => Promise<void>;
}

/** Two courses, the first with one enrollment, and two students, the second free to enroll; `row` would do so. */
export const schoolModel = {
  tables: ['core_user', 'core_course', 'core_enrollments'],
  exact: expectExactSchool,
  async seed(schema: Schema) {
    const [course, other] = await addCourses(schema, 2);
    const [student, free] = await addStudents(schema, 2);
    const enrollment = await enroll(schema, course!, student!);
    const times = { enrolledAt: new Date(0), updatedAt: new Date(0) };
    return {
      course: course!,
      other: other!,
      student: student!,
      free: free!,
      enrollment,
      row: { course: course!, student: free!, status: EnrollmentStatus.ACTIVE, ...times },
    };
  },
};

/** A shelf with one book, and an empty one. */
export const libraryModel = {
  tables: ['shelf', 'book'],
  exact: expectExactLibrary,
  async seed(schema: Schema) {
    const [shelf, other] = await addShelves(schema, 2);
    return { shelf: shelf!, other: other!, book: await addBook(schema, shelf!) };
  },
};

/** An author with two reviews of one product; the author's collection removes orphans. */
export const shopModel = {
  tables: ['author', 'product', 'review'],
  exact: expectExactShop,
  async seed(schema: Schema) {
    const em = schema.em();
    const [author, product] = [em.create(Author, {}), em.create(Product, {})];
    const reviews = [0, 1].map(() => em.create(Review, { author, product }));
    await em.flush();
    return { author: author.id, product: product.id, reviews: reviews.map(({ id }) => id) };
  },
};

/** Two boxes and a letter in the first, whose hooks do what a test says. */
export const letterModel = {
  tables: ['box', 'letter'],
  exact: expectExactLetters,
  async seed(schema: Schema) {
    const [box, other] = await addBoxes(schema, 2);
    return { box: box!, other: other!, letter: await addLetter(schema, box!) };
  },
};

/** A person in one club and none in the other; the pivot table is counted. */
export const clubModel = {
  tables: ['club', 'person', 'membership'],
  exact: expectExactClubs,
  async seed(schema: Schema) {
    const em = schema.em();
    const [club, other, person] = [em.create(Club, {}), em.create(Club, {}), em.create(Person, {})];
    await em.flush();
    em.create(Membership, { club, person });
    await em.flush();
    return { club: club.id, other: other.id, person: person.id };
  },
};

/** Two desks with a clerk each, whose desk and standing are unique. */
export const deskModel = {
  tables: ['desk', 'clerk'],
  exact: expectExactDesks,
  async seed(schema: Schema) {
    const em = schema.em();
    const clerks = [1, 2].map(standing => em.create(Clerk, { standing, desk: em.create(Desk, {}) }));
    await em.flush();
    return { clerks: clerks.map(({ id }) => id) };
  },
};

/** A clinic with one visit of one pet. */
export const clinicModel = {
  tables: ['clinic', 'pet', 'visit'],
  exact: expectExactClinic,
  async seed(schema: Schema) {
    const em = schema.em();
    const [clinic, pet] = [em.create(Clinic, {}), em.create(Pet, {})];
    em.create(Visit, { clinic, pet });
    await em.flush();
    return { clinic: clinic.id, pet: pet.id };
  },
};

/** Albums and drawers with what is in them, which goes with them, or stays without them. */
export const galleryModel = {
  tables: ['owner', 'album', 'photo', 'note', 'drawer', 'slide'],
  exact: expectExactGallery,
  seed: addGallery,
};
