import { Course } from '../../../src/entities/index.js';
import { Box } from '../models/letters.js';
import { letterModel, schoolModel } from './models.js';
import { program, type Program } from './program.js';

const times = { createdAt: new Date(0), updatedAt: new Date(0) };

/** The programs that assign a stored count, which belongs to the engine under either strategy. */
export const assignments: Program[] = [
  program('a stored count that is assigned to an entity, and a flush', schoolModel, {
    property: async ({ course }, place) => {
      const em = place.em();
      Object.assign(await em.findOneOrFail(Course, course), { totalEnrollments: 77 });
      await em.flush();
    },
    'em.assign()': async ({ course }, place) => {
      const em = place.em();
      em.assign(await em.findOneOrFail(Course, course), { totalEnrollments: 77 });
      await em.flush();
    },
    'a reference': async ({ course }, place) => {
      const em = place.em();
      Object.assign(em.getReference(Course, course), { activeEnrollments: 77 });
      await em.flush();
    },
    'through the unit of work': async ({ course }, place) => {
      const em = place.em();
      Object.assign(await em.findOneOrFail(Course, course), { totalEnrollments: 77 });
      await em.getUnitOfWork().commit();
    },
  }),
  program('a stored count that a new entity is given, and a flush', schoolModel, {
    create: async (_, place) => {
      const em = place.em();
      em.create(Course, { title: 'New', totalEnrollments: 77 });
      await em.flush();
    },
  }),
  program('a stored count that a hook assigns during a flush', letterModel, {
    update: async ({ box }, place) => {
      const em = place.em();
      Box.hooks = { beforeUpdate: one => void Object.assign(one, { letterCount: 77 }) };
      em.assign(await em.findOneOrFail(Box, box), { name: 'Renamed' });
      await em.flush().finally(() => {
        Box.hooks = {};
      });
    },
  }),
  program('`em.insert()`, `em.insertMany()` with a stored count', schoolModel, {
    insert: (_, place) => place.em().insert(Course, { title: 'New', ...times, totalEnrollments: 77 }),
    'insert of an entity': (_, place) => {
      const em = place.em();
      return em.insert(em.create(Course, { title: 'New', totalEnrollments: 77 }, { persist: false }));
    },
    insertMany: (_, place) =>
      place.em().insertMany(Course, [
        { title: 'New', ...times, totalEnrollments: 0 },
        { title: 'Newer', ...times, totalEnrollments: 77 },
      ]),
  }),
  program('`em.insert()`, `em.insertMany()` of targets without one', schoolModel, {
    insert: (_, place) => place.em().insert(Course, { title: 'New', ...times }),
    insertMany: (_, place) => place.em().insertMany(Course, [{ title: 'New', ...times, totalEnrollments: 0 }]),
  }),
  program('`em.nativeUpdate()` of a stored count', schoolModel, {
    property: ({ course }, place) => place.em().nativeUpdate(Course, { id: course }, { totalEnrollments: 77 }),
    column: ({ course }, place) => place.em().nativeUpdate(Course, { id: course }, { total_enrollments: 77 } as never),
    'column in capitals': ({ course }, place) =>
      place.em().nativeUpdate(Course, { id: course }, { TOTAL_ENROLLMENTS: 77 } as never),
    driver: ({ course }, place) =>
      place.em().getDriver().nativeUpdate(Course, { id: course }, { totalEnrollments: 77 }),
  }),
  program('`em.upsert()`, `em.upsertMany()` with a stored count, or one to be merged', schoolModel, {
    upsert: ({ course }, place) => place.em().upsert(Course, { id: course, title: 'New', totalEnrollments: 77 }),
    'upsert of an entity': ({ course }, place) => {
      const em = place.em();
      return em.upsert(
        em.create(Course, { id: course, title: 'New', totalEnrollments: 0 } as never, { persist: false }),
      );
    },
    'upsert that merges it': ({ course }, place) =>
      place.em().upsert(Course, { id: course, title: 'New' }, { onConflictMergeFields: ['totalEnrollments'] }),
    upsertMany: ({ course }, place) =>
      place.em().upsertMany(Course, [{ id: course, title: 'New', totalEnrollments: 77 }]),
    'upsertMany that merges it': ({ course }, place) =>
      place.em().upsertMany(Course, [{ id: course, title: 'New' }], { onConflictMergeFields: ['totalEnrollments'] }),
  }),
  program('`em.upsert()`, `em.upsertMany()` of targets without one', schoolModel, {
    upsert: ({ course }, place) => place.em().upsert(Course, { id: course, title: 'New' }),
    upsertMany: ({ course }, place) => place.em().upsertMany(Course, [{ id: course, title: 'New' }]),
  }),
  program('raw SQL that assigns a stored count', schoolModel, {
    'em.execute()': (_, place) => place.em().execute('update core_course set total_enrollments = 77'),
  }),
];
