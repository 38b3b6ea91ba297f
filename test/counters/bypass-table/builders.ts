import { raw } from '@mikro-orm/core';
import type { QueryBuilder } from '@mikro-orm/sql';
import { Course, Enrollment, EnrollmentStatus, User } from '../../../src/entities/index.js';
import { Book, Shelf } from '../models/library.js';
import { libraryModel, schoolModel } from './models.js';
import type { Place } from './place.js';
import { mySqls, program, type Program } from './program.js';

/** Returns an untyped query builder, as in plain JavaScript. */
function builder(place: Place, entity: object, alias?: string): QueryBuilder<Record<string, unknown>> {
  return place.em().createQueryBuilder(entity as never, alias) as never;
}

/** The programs that write by query builders. */
export const builders: Program[] = [
  program('`QueryBuilder.insert()` of counted rows', schoolModel, {
    one: ({ row }, place) => builder(place, Enrollment).insert(row).execute(),
    many: ({ row }, place) =>
      place
        .em()
        .qb(Enrollment)
        .insert([row] as never)
        .execute(),
    'a clone': ({ row }, place) => builder(place, Enrollment).clone().insert(row).clone().execute(),
    'merged on conflict': ({ row, student }, place) =>
      builder(place, Enrollment)
        .insert({ ...row, student, status: 'dropped' })
        .onConflict(['course_id', 'student_id'])
        .merge()
        .execute(),
    'ignored on conflict': ({ row }, place) =>
      builder(place, Enrollment).insert(row).onConflict(['course_id', 'student_id']).ignore().execute(),
    'by its SQL': async ({ row }, place) => {
      const { sql, params } = builder(place, Enrollment).insert(row).toQuery();
      await place.em().execute(sql, params as unknown[], 'run');
    },
  }),
  program('`QueryBuilder.insertFrom()` into a counted table', schoolModel, {
    'a query': ({ free }, place) => {
      const source = builder(place, Enrollment).select([
        'course',
        raw('? as ??', [free, 'student_id']),
        'status',
        'enrolledAt',
        'updatedAt',
      ] as never);
      return builder(place, Enrollment)
        .insertFrom(source as never, { columns: ['course', 'student', 'status', 'enrolledAt', 'updatedAt'] as never })
        .execute();
    },
  }),
  program('`QueryBuilder.update()` of what is counted', schoolModel, {
    'a property': ({ enrollment }, place) =>
      builder(place, Enrollment).update({ status: EnrollmentStatus.DROPPED }).where({ id: enrollment }).execute(),
    'the foreign key by its column': ({ enrollment, other }, place) =>
      builder(place, Enrollment, 'e').update({ course_id: other }).where({ id: enrollment }).execute(),
    'by a condition on another table': ({ other }, place) =>
      builder(place, Enrollment)
        .update({ course: other })
        .where({ student: { email: 's0@example.org' } })
        .execute(),
    'a repository': ({ other }, place) =>
      place.em().getRepository(Enrollment).createQueryBuilder().update({ course: other }).execute(),
  }),
  program(
    '`QueryBuilder.update()` of a counted table that is joined (MySQL, MariaDB)',
    libraryModel,
    {
      'with its alias': (_, place) =>
        builder(place, Shelf, 's').update({ 'b.lent': true }).leftJoin('s.books', 'b').execute(),
      'without an alias': (_, place) =>
        builder(place, Shelf, 's').update({ lent: true }).leftJoin('s.books', 'b').execute(),
    },
    mySqls,
  ),
  program('`QueryBuilder.update()` of anything else', schoolModel, {
    'of a counted row': (_, place) =>
      builder(place, Enrollment)
        .update({ enrolledAt: new Date(86_400_000) })
        .execute(),
    'of a target': ({ course }, place) =>
      builder(place, Course).update({ title: 'Renamed' }).where({ id: course }).execute(),
  }),
  program('`QueryBuilder.delete()` of counted rows', schoolModel, {
    all: (_, place) => builder(place, Enrollment).delete().execute(),
    'by a condition on another table': (_, place) =>
      builder(place, Enrollment)
        .delete({ student: { email: 's0@example.org' } })
        .execute(),
    some: ({ enrollment }, place) => builder(place, Enrollment).delete({ id: enrollment }).execute(),
    'a table that the query was changed to': (_, place) =>
      builder(place, User)
        .from(Enrollment as never)
        .delete()
        .execute(),
    'a table by its name': (_, place) =>
      builder(place, User)
        .from('core_enrollments' as never)
        .delete()
        .execute(),
  }),
  program("`em.nativeUpdate()`, `QueryBuilder.update()` by a condition on the target's table", schoolModel, {
    nativeUpdate: ({ other }, place) =>
      place.em().nativeUpdate(Enrollment, { course: { title: 'Course 0' } }, { course: other }),
    'QueryBuilder.update()': ({ other }, place) =>
      builder(place, Enrollment)
        .update({ course: other })
        .where({ course: { title: 'Course 0' } })
        .execute(),
  }),
  program("`em.nativeDelete()`, `QueryBuilder.delete()` by a condition on the target's table", schoolModel, {
    nativeDelete: (_, place) => place.em().nativeDelete(Enrollment, { course: { title: 'Course 0' } }),
    'QueryBuilder.delete()': (_, place) =>
      builder(place, Enrollment)
        .delete({ course: { title: 'Course 0' } })
        .execute(),
  }),
  program('`QueryBuilder.truncate()` of a counted table', schoolModel, {
    truncate: (_, place) => builder(place, Enrollment).truncate().execute(),
  }),
  program('`orm.schema.clear()`, which empties the targets too', schoolModel, {
    truncating: (_, place) => place.schema.database.schema.clear(),
    deleting: (_, place) => place.schema.database.schema.clear({ truncate: false }),
  }),
  program('`QueryBuilder.update()` of a stored count', schoolModel, {
    'a property': ({ course }, place) =>
      builder(place, Course).update({ totalEnrollments: 77 }).where({ id: course }).execute(),
    'a column with an alias': ({ course }, place) =>
      builder(place, Course, 'c').update({ 'c.total_enrollments': 77 }).where({ id: course }).execute(),
    'a column in capitals': ({ course }, place) =>
      builder(place, Course).update({ TOTAL_ENROLLMENTS: 77 }).where({ id: course }).execute(),
  }),
  program(
    '`QueryBuilder.update()` of a stored count of a table that is joined (MySQL, MariaDB)',
    libraryModel,
    {
      'with its alias': (_, place) =>
        builder(place, Book, 'b').update({ 's.book_count': 77 }).leftJoin('b.shelf', 's').execute(),
      'without an alias': (_, place) =>
        builder(place, Book, 'b').update({ book_count: 77 }).leftJoin('b.shelf', 's').execute(),
    },
    mySqls,
  ),
  program('`QueryBuilder.insert()` with a stored count, or with one to `merge()` on conflict', schoolModel, {
    inserted: (_, place) =>
      builder(place, Course)
        .insert({ title: 'New', createdAt: new Date(), updatedAt: new Date(), totalEnrollments: 77 })
        .execute(),
    merged: ({ course }, place) =>
      builder(place, Course)
        .insert({ id: course, title: 'New', createdAt: new Date(), updatedAt: new Date() })
        .onConflict('id')
        .merge({ totalEnrollments: 77 })
        .execute(),
    'merged with all that is inserted': ({ course }, place) =>
      builder(place, Course)
        .onConflict('id')
        .merge()
        .insert({ id: course, title: 'New', createdAt: new Date(), updatedAt: new Date(), totalEnrollments: 0 })
        .execute(),
    'merged by name': ({ course }, place) =>
      builder(place, Course)
        .insert({ id: course, title: 'New', createdAt: new Date(), updatedAt: new Date() })
        .onConflict('id')
        .merge(['totalEnrollments'])
        .execute(),
  }),
  program('`QueryBuilder.insertFrom()` into the table of a target', schoolModel, {
    'all columns': (_, place) =>
      builder(place, Course)
        .insertFrom(builder(place, Course) as never)
        .execute(),
  }),
];
