import { CompiledQuery, sql, type Kysely } from 'kysely';
import { libraryModel, schoolModel } from './models.js';
import type { Place, Tables } from './place.js';
import { mySqls, postgreSql, program, together, type Program } from './program.js';

/** Returns a counted row by its columns, with times that every database accepts. */
const columnsOf = ({ course, free }: { course: number; free: number }) => ({
  course_id: course,
  student_id: free,
  status: 'active',
  enrolled_at: '2026-01-01',
  updated_at: '2026-01-01',
});
const clientOf = (place: Place): Kysely<Tables> => place.em().getConnection().getClient();

/** The programs that write by Kysely, however a caller gets it. */
export const kyselies: Program[] = [
  program('Kysely `insertInto()`, `replaceInto()` of counted rows', schoolModel, {
    insertInto: (seed, place) => place.kysely().insertInto('core_enrollments').values(columnsOf(seed)).execute(),
    'from a query': ({ free }, place) =>
      place
        .kysely()
        .insertInto('core_enrollments')
        .columns(['course_id', 'student_id', 'status', 'enrolled_at', 'updated_at'])
        .expression(eb =>
          eb
            .selectFrom('core_enrollments')
            .select(['course_id', sql<number>`${free}`.as('student_id'), 'status', 'enrolled_at', 'updated_at']),
        )
        .execute(),
    'in the place of another': (seed, place) => {
      const row = { ...columnsOf(seed), student_id: seed.student, status: 'dropped' };
      // PostgreSQL has no REPLACE.
      return place.kind === 'postgresql'
        ? place
            .kysely()
            .insertInto('core_enrollments')
            .values(row)
            .onConflict(conflict => conflict.columns(['course_id', 'student_id']).doUpdateSet(row))
            .execute()
        : place.kysely().replaceInto('core_enrollments').values(row).execute();
    },
    'on conflict': (seed, place) => {
      const insert = place
        .kysely()
        .insertInto('core_enrollments')
        .values({ ...columnsOf(seed), student_id: seed.student });
      if (mySqls.includes(place.kind)) return insert.onDuplicateKeyUpdate({ status: 'dropped' }).execute();
      return insert
        .onConflict(conflict => conflict.columns(['course_id', 'student_id']).doUpdateSet({ status: 'dropped' }))
        .execute();
    },
  }),
  program('Kysely `updateTable()` of a counted table', schoolModel, {
    'em.getKysely()': ({ other }, place) =>
      place.kysely().updateTable('core_enrollments').set({ course_id: other }).execute(),
    'with an alias': ({ other }, place) =>
      place.kysely().updateTable('core_enrollments as e').set({ course_id: other }).execute(),
    'by the names of the entity': ({ other }, place) =>
      place
        .em()
        .getKysely<Tables>({ tableNamingStrategy: 'entity', columnNamingStrategy: 'property' } as never)
        .updateTable('Enrollment')
        .set({ course: other })
        .execute(),
    'by its name as a fragment': ({ other }, place) =>
      place
        .kysely()
        .updateTable(sql.table('core_enrollments').as('e') as never)
        .set({ course_id: other })
        .execute(),
  }),
  program('Kysely `deleteFrom()` of a counted table', schoolModel, {
    'em.getKysely()': (_, place) => place.kysely().deleteFrom('core_enrollments').execute(),
    'without plugins': (_, place) => place.kysely().withoutPlugins().deleteFrom('core_enrollments').execute(),
    'in a transaction of Kysely': (_, place) =>
      place
        .kysely()
        .transaction()
        .execute(trx => trx.deleteFrom('core_enrollments').execute()),
    'in a savepoint of Kysely': async (_, place) => {
      const trx = await place.kysely().startTransaction().execute();
      const inner = await trx.savepoint('here').execute();
      return inner
        .deleteFrom('core_enrollments')
        .execute()
        .then(
          () => inner.commit().execute(),
          async error => {
            await inner.rollback().execute();
            throw error;
          },
        );
    },
    'on one connection': (_, place) =>
      place
        .kysely()
        .connection()
        .execute(one => one.deleteFrom('core_enrollments').execute()),
    'in a transaction of the entity manager': (_, place) =>
      place.em().transactional(em => em.getKysely<Tables>().deleteFrom('core_enrollments').execute()),
    'with the transaction that the entity manager has': (_, place) =>
      place
        .em()
        .transactional(em => (em.getTransactionContext() as Kysely<Tables>).deleteFrom('core_enrollments').execute()),
    'with the client of the connection': (_, place) => clientOf(place).deleteFrom('core_enrollments').execute(),
    "with the client of the driver's connection": (_, place) =>
      place.schema.database.driver.getConnection().getClient<Tables>().deleteFrom('core_enrollments').execute(),
  }),
  program('Kysely `with()` before a write of a counted table', schoolModel, {
    deleteFrom: (_, place) =>
      place
        .kysely()
        .with('some', query => query.selectFrom('core_user').select('id'))
        .deleteFrom('core_enrollments')
        .where(eb => eb.exists(eb.selectFrom('some').select('id')))
        .execute(),
  }),
  program(
    'Kysely `with()` of a write of a counted table (PostgreSQL)',
    schoolModel,
    {
      'before a SELECT': (_, place) =>
        place
          .kysely()
          .with('gone', query => query.deleteFrom('core_enrollments').returning('id'))
          .selectFrom('gone')
          .select('id')
          .execute(),
      'before a write of another table': ({ other }, place) =>
        place
          .kysely()
          .with('moved', query =>
            query.updateTable('core_enrollments').set({ course_id: other }).returning('student_id'),
          )
          .updateTable('core_user')
          .set({ name: 'Moved' })
          .where(eb => eb('id', 'in', eb.selectFrom('moved').select('student_id')))
          .execute(),
    },
    postgreSql,
  ),
  program(
    'Kysely `updateTable().from()`, `deleteFrom().using()` of a counted table (PostgreSQL)',
    schoolModel,
    {
      updateTable: ({ other }, place) =>
        place
          .kysely()
          .updateTable('core_enrollments as e')
          .from('core_course as c')
          .whereRef('c.id', '=', 'e.course_id')
          .set({ course_id: other })
          .execute(),
      deleteFrom: (_, place) =>
        place
          .kysely()
          .deleteFrom('core_enrollments as e')
          .using('core_course as c')
          .whereRef('c.id', '=', 'e.course_id')
          .execute(),
    },
    postgreSql,
  ),
  program(
    'Kysely `updateTable()`, `deleteFrom()` that join a counted table and write it (MySQL, MariaDB)',
    schoolModel,
    {
      updateTable: (_, place) =>
        place
          .kysely()
          .updateTable(['core_user as u', 'core_enrollments as e'])
          .whereRef('e.student_id', '=', 'u.id')
          .set(sql.ref<never>('e.status'), 'dropped' as never)
          .execute(),
      'deleteFrom using its alias': (_, place) =>
        place
          .kysely()
          .deleteFrom('e' as never)
          .using('core_enrollments as e')
          .execute(),
      'deleteFrom using another table': (_, place) =>
        place
          .kysely()
          .deleteFrom('e' as never)
          .using('core_user as u')
          .innerJoin('core_enrollments as e', 'e.student_id', 'u.id')
          .execute(),
    },
    mySqls,
  ),
  program('Kysely `mergeInto()` of a counted table', schoolModel, {
    merge: (_, place) =>
      place
        .kysely()
        .mergeInto('core_enrollments')
        .using('core_course', 'core_course.id', 'core_enrollments.course_id')
        .whenMatched()
        .thenDelete()
        .execute(),
  }),
  program('Kysely with the names in a raw fragment, or `executeQuery()` of raw SQL', schoolModel, {
    'a whole statement': (_, place) => sql`delete from core_enrollments`.execute(place.kysely()),
    'a compiled statement': (_, place) =>
      place.kysely().executeQuery(CompiledQuery.raw('delete from core_enrollments')),
    'a table': ({ other }, place) =>
      place
        .kysely()
        .updateTable(sql<never>`core_enrollments`.as('e'))
        .set({ course_id: other } as never)
        .execute(),
  }),
  together(
    program('Kysely that assigns a stored count', schoolModel, {
      updateTable: (_, place) => place.kysely().updateTable('core_course').set({ total_enrollments: 77 }).execute(),
      'by an expression': (_, place) =>
        place
          .kysely()
          .updateTable('core_course')
          .set(eb => ({ total_enrollments: eb('total_enrollments', '+', 1) }))
          .execute(),
      'in capitals': (_, place) => place.kysely().updateTable('core_course').set({ TOTAL_ENROLLMENTS: 77 }).execute(),
      'without plugins': (_, place) =>
        place.kysely().withoutPlugins().updateTable('core_course as c').set('c.active_enrollments', 77).execute(),
      'by the names of the entity': (_, place) =>
        place
          .em()
          .getKysely<Tables>({ tableNamingStrategy: 'entity', columnNamingStrategy: 'property' } as never)
          .updateTable('Course')
          .set({ totalEnrollments: 77 })
          .execute(),
      insertInto: (_, place) =>
        place
          .kysely()
          .insertInto('core_course')
          .values({ title: 'New', total_enrollments: 77, created_at: '2026-01-01', updated_at: '2026-01-01' })
          .execute(),
      'insertInto from a query of all columns': (_, place) =>
        place
          .kysely()
          .insertInto('core_course')
          .expression(eb =>
            eb
              .selectFrom('core_course')
              .select([
                sql<number>`id + 1000`.as('id'),
                'title',
                'description',
                'status',
                'is_published',
                'capacity',
                'instructor_id',
                'total_enrollments',
                'active_enrollments',
                'created_at',
                'updated_at',
              ]),
          )
          .execute(),
      'replaceInto, which takes the count away with the row': ({ course }, place) =>
        place
          .kysely()
          .replaceInto('core_course')
          .values({ id: course, title: 'New', created_at: '2026-01-01', updated_at: '2026-01-01' })
          .execute(),
      'on conflict': ({ course }, place) => {
        const insert = place
          .kysely()
          .insertInto('core_course')
          .values({ id: course, title: 'New', created_at: '2026-01-01', updated_at: '2026-01-01' });
        if (mySqls.includes(place.kind)) return insert.onDuplicateKeyUpdate({ total_enrollments: 77 }).execute();
        return insert.onConflict(conflict => conflict.column('id').doUpdateSet({ total_enrollments: 77 })).execute();
      },
    }),
    program('Kysely that assigns a stored count', libraryModel, {
      'from another model': (_, place) => place.kysely().updateTable('shelf').set({ book_count: 77 }).execute(),
    }),
  ),
];
