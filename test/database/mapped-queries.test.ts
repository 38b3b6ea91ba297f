import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../src/database/database.js';
import { builderFor, unionOf } from '../../src/database/query.js';
import { rowReader } from '../../src/database/row-reader.js';
import { Course } from '../../src/entities/index.js';
import type { DatabaseMap } from '../../src/map/map-form.js';
import { freshUrl } from '../support/databases.js';

const map: DatabaseMap = {
  version: 1,
  users: { table: 'auth_user', columns: { id: 'id', name: 'login', email: 'mail', role: { value: 'STUDENT' } } },
  courses: {
    table: 'classes',
    columns: {
      id: 'class_id',
      title: 'label',
      status: { column: 'state', values: { ACTIVE: ['live'] } },
      isPublished: 'shown',
      createdAt: 'made',
    },
    counts: { totalEnrollments: 'seats_taken' },
  },
  enrollments: {
    table: 'seats',
    columns: { id: 'id', course: 'class', student: 'person', status: { column: 'state', values: { ACTIVE: ['in'] } } },
  },
};

describe('a query of the query builder', () => {
  let place: ReturnType<typeof freshUrl>;
  let database: Database;
  beforeAll(async () => {
    place = freshUrl('sqlite');
    await (await openDatabase(place.url)).em.execute('create table classes (class_id integer primary key)');
    database = await openDatabase(place.url, 'hooks', map);
  });
  afterAll(async () => {
    await database.close(true);
    await place.drop();
  });

  const db = () => builderFor(database);

  it('a query of the query builder has the names of a map, and returns ours', () => {
    const { sql: text } = db()
      .selectFrom('core_course')
      .select(['id', 'core_course.title', 'status', 'total_enrollments as total'])
      .where('is_published', '=', 1)
      .where(eb => eb.or([eb('core_course.active_enrollments', '>', 1), eb.and({ instructor_id: 2 })]))
      .groupBy('status')
      .orderBy('created_at', 'desc')
      .compile();
    expect(text).toBe(
      'select "core_course"."class_id" as "id", "core_course"."label" as "title", "core_course"."rollcall_status" as "status",' +
        ' "core_course"."seats_taken" as "total" from "classes" as "core_course" where "core_course"."shown" = ?' +
        ' and ("core_course"."rollcall_active_enrollments" > ? or "core_course"."rollcall_instructor_id" = ?)' +
        ' group by "core_course"."rollcall_status" order by "core_course"."rollcall_created_at" desc',
    );
  });

  it('a query of the query builder has the names in queries within it, in joins, and in conditions that refer outwards', () => {
    const { sql: text } = db()
      .selectFrom('core_enrollments as e')
      .innerJoin('core_course', 'core_course.id', 'e.course_id')
      .select('e.status')
      .where(eb =>
        eb.exists(
          eb
            .selectFrom('core_user')
            .select('core_user.id')
            .whereRef('core_user.id', '=', 'e.student_id')
            .where('role', '=', 'admin' as never),
        ),
      )
      .compile();
    expect(text).toBe(
      'select "e"."rollcall_status" as "status" from "seats" as "e" inner join "classes" as "core_course"' +
        ' on "core_course"."class_id" = "e"."class" where exists (select "core_user"."id" from "auth_user" as "core_user"' +
        ' where "core_user"."id" = "e"."person" and "core_user"."rollcall_role" = ?)',
    );
  });

  it('a query of the query builder keeps our names for what other queries return', () => {
    const part = (id: number) =>
      db().selectFrom(
        db().selectFrom('core_course').select(['id', 'title']).where('id', '=', id).orderBy('title').as('part'),
      );
    const { sql: text } = unionOf([1, 2].map(id => part(id).selectAll()))
      .orderBy('title')
      .limit(3)
      .compile();
    const one =
      'select * from (select "core_course"."class_id" as "id", "core_course"."label" as "title" from "classes" as "core_course"' +
      ' where "core_course"."class_id" = ? order by "core_course"."label") as "part"';
    expect(text).toBe(`${one} union all ${one} order by "title" limit ?`);
  });

  it('orders a union by what it returns', () => {
    const one = (id: number) => db().selectFrom('core_course').select(['id', 'title']).where('id', '=', id);
    expect(one(1).unionAll(one(2)).orderBy('title').compile().sql).toMatch(/ order by "title"$/);
  });

  it('a query of the query builder has the names in the pieces of SQL of its own', () => {
    const hinted = sql`${sql.table('core_course')} not indexed`;
    const { sql: text } = db()
      .selectFrom(sql<never>`${sql.table('core_course')}`.as<'core_course'>(hinted) as never)
      .select(sql`${sql.ref('title')} || ${sql.ref('core_course.id')}`.as('both'))
      .compile();
    expect(text).toBe(
      'select "core_course"."label" || "core_course"."class_id" as "both" from "classes" as "core_course" not indexed',
    );
  });

  it('never returns all columns of a table, which are not ours', () => {
    expect(() => db().selectFrom('core_course').selectAll().compile()).toThrow(
      "A query selects all columns of classes, which is another application's.",
    );
    expect(() => db().selectFrom('core_course').selectAll('core_course').compile()).toThrow();
    expect(
      db()
        .selectFrom('core_course')
        .select(eb => eb.fn.countAll().as('n'))
        .compile().sql,
    ).toContain('select count(*)');
    expect(db().selectFrom('core_recount_runs').selectAll().compile().sql).toContain('select *');
  });

  it('a query of the query builder reads no columns but those of our properties', () => {
    expect(rowReader(database, Course).columns.toSorted()).toEqual([
      'active_enrollments',
      'capacity',
      'created_at',
      'description',
      'id',
      'instructor_id',
      'is_published',
      'status',
      'title',
      'total_enrollments',
      'updated_at',
    ]);
  });
});
