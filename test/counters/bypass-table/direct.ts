import { Course, Enrollment, EnrollmentStatus } from '../../../src/entities/index.js';
import { Club, Person } from '../models/clubs.js';
import { clubModel, schoolModel } from './models.js';
import type { Place } from './place.js';
import { program, type Program } from './program.js';

const driverOf = (place: Place) => place.em().getDriver();
const repositoryOf = (place: Place) => place.em().getRepository(Enrollment);

/** The programs that write by the entity manager, its repositories and its driver, without hooks. */
export const direct: Program[] = [
  program('`em.insert()` of a counted row', schoolModel, {
    data: ({ row }, place) => place.em().insert(Enrollment, row),
    'an entity': ({ row }, place) => {
      const em = place.em();
      return em.insert(em.create(Enrollment, row, { persist: false }));
    },
    repository: ({ row }, place) => repositoryOf(place).insert(row),
    'in a transaction': ({ row }, place) => place.em().transactional(em => em.insert(Enrollment, row)),
  }),
  program('`em.insertMany()` of counted rows', schoolModel, {
    data: ({ row }, place) => place.em().insertMany(Enrollment, [row]),
    entities: ({ row }, place) => {
      const em = place.em();
      return em.insertMany([em.create(Enrollment, row, { persist: false })]);
    },
    repository: ({ row }, place) => repositoryOf(place).insertMany([row]),
  }),
  program('`em.upsert()`, `em.upsertMany()` of counted rows', schoolModel, {
    'upsert of a new row': ({ row }, place) => place.em().upsert(Enrollment, row),
    'upsert of a row that is there': ({ enrollment, row, student }, place) =>
      place.em().upsert(Enrollment, { ...row, id: enrollment, student, status: EnrollmentStatus.DROPPED }),
    'upsert of an entity': ({ row }, place) => {
      const em = place.em();
      return em.upsert(em.create(Enrollment, row, { persist: false }));
    },
    upsertMany: ({ row }, place) => place.em().upsertMany(Enrollment, [row]),
    repository: ({ row }, place) => repositoryOf(place).upsertMany([row]),
    driver: ({ row }, place) =>
      driverOf(place).nativeUpdateMany(Enrollment, [], [row], {
        upsert: true,
        onConflictFields: ['course', 'student'],
      }),
  }),
  program('`em.nativeUpdate()` of what is counted', schoolModel, {
    'a property': ({ enrollment }, place) =>
      place.em().nativeUpdate(Enrollment, { id: enrollment }, { status: EnrollmentStatus.DROPPED }),
    'the foreign key': ({ enrollment, other }, place) =>
      place.em().nativeUpdate(Enrollment, { id: enrollment }, { course: other }),
    'the foreign key by its column': ({ enrollment, other }, place) =>
      place.em().nativeUpdate(Enrollment, { id: enrollment }, { course_id: other } as never),
    'the column in capitals': ({ enrollment, other }, place) =>
      // PostgreSQL has no such column.
      place.em().nativeUpdate(
        Enrollment,
        { id: enrollment },
        {
          [place.kind === 'postgresql' ? 'course_id' : 'COURSE_ID']: other,
        },
      ),
    repository: ({ enrollment, other }, place) =>
      repositoryOf(place).nativeUpdate({ id: enrollment }, { course: other }),
  }),
  program('`em.nativeUpdate()` of anything else', schoolModel, {
    'of a counted row': ({ enrollment }, place) =>
      place.em().nativeUpdate(Enrollment, { id: enrollment }, { enrolledAt: new Date(86_400_000) }),
    'of a target': ({ course }, place) => place.em().nativeUpdate(Course, { id: course }, { title: 'Renamed' }),
  }),
  program('`em.nativeDelete()` of counted rows', schoolModel, {
    em: ({ enrollment }, place) => place.em().nativeDelete(Enrollment, { id: enrollment }),
    repository: ({ enrollment }, place) => repositoryOf(place).nativeDelete({ id: enrollment }),
    'in a transaction': (_, place) => place.em().transactional(em => em.nativeDelete(Enrollment, {})),
  }),
  program('`em.clone()` of a counted row', schoolModel, {
    'a row': ({ enrollment, free }, place) => place.em().clone(Enrollment, enrollment, { student: free }),
    'an entity': async ({ enrollment, free }, place) => {
      const em = place.em();
      return em.clone(await em.findOneOrFail(Enrollment, enrollment), { student: free });
    },
    driver: ({ enrollment, free }, place) =>
      driverOf(place).nativeClone(Enrollment, { id: enrollment }, { student: free }),
  }),
  program('`em.clone()` of a target, whose stored counts then start at 0', schoolModel, {
    'a row': ({ course }, place) => place.em().clone(Course, course),
    'an entity': async ({ course }, place) => {
      const em = place.em();
      return em.clone(await em.findOneOrFail(Course, course), { title: 'Copy' });
    },
  }),
  program('`nativeInsert()`, `nativeInsertMany()` of `em.getDriver()`, on a counted table', schoolModel, {
    nativeInsert: ({ row }, place) => driverOf(place).nativeInsert(Enrollment, row),
    nativeInsertMany: ({ row }, place) => driverOf(place).nativeInsertMany(Enrollment, [row]),
  }),
  program('`nativeUpdate()`, `nativeUpdateMany()` of `em.getDriver()`, of what is counted', schoolModel, {
    nativeUpdate: ({ enrollment, other }, place) =>
      driverOf(place).nativeUpdate(Enrollment, { id: enrollment }, { course: other }),
    nativeUpdateMany: ({ enrollment, other }, place) =>
      driverOf(place).nativeUpdateMany(Enrollment, [enrollment], [{ course: other }]),
  }),
  program(
    '`nativeDelete()` of `em.getDriver()`, its query builders, the change set persister, on counted rows',
    schoolModel,
    {
      nativeDelete: (_, place) => driverOf(place).nativeDelete(Enrollment, {}),
      createQueryBuilder: (_, place) => driverOf(place).createQueryBuilder(Enrollment).delete({}).execute(),
      'the change set persister': ({ enrollment }, place) => {
        const em = place.em();
        const deleted = { meta: em.getMetadata(Enrollment), getPrimaryKey: () => enrollment };
        return em
          .getUnitOfWork()
          .getChangeSetPersister()
          .executeDeletes([deleted] as never);
      },
    },
  ),
  program(
    'a many-to-many collection in the data of `em.insert()`, `em.nativeUpdate()` or `em.upsert()`, with a counted pivot table',
    clubModel,
    {
      insert: ({ other }, place) => place.em().insert(Person, { name: 'New', clubs: [other] }),
      'insert of the inverse side': ({ person }, place) => place.em().insert(Club, { name: 'New', people: [person] }),
      nativeUpdate: ({ person, other, club }, place) =>
        place.em().nativeUpdate(Person, { id: person }, { clubs: [other, club] }),
      upsert: ({ person, other }, place) => place.em().upsert(Person, { id: person, name: 'New', clubs: [other] }),
    },
  ),
];
