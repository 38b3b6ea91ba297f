import { DatabaseSync } from 'node:sqlite';
import { Readable } from 'node:stream';
import { raw } from '@mikro-orm/core';
import { MikroORM } from '@mikro-orm/sql';
import { createConnection } from 'mysql2/promise';
import type { Database } from '../../../src/database/database.js';
import { ormOptions } from '../../../src/database/orm-options.js';
import { NodeSqliteFileDialect } from '../../../src/database/dialects/sqlite/kysely-dialect.js';
import { Course, Enrollment, User } from '../../../src/entities/index.js';
import { schoolModel } from './models.js';
import { plainClient } from '../../support/plain-client.js';
import type { Place } from './place.js';
import { mySqls, postgreSql, program, servers, type Program } from './program.js';
import { EmptyTheTable } from './sql-of-the-application.js';

const emptied = 'delete from core_enrollments';

/** Runs SQL as a program does that knows nothing of this one. */
async function asAnotherProgram({ kind, schema }: Place, ...statements: readonly string[]): Promise<void> {
  if (kind === 'sqlite') {
    const database = new DatabaseSync(schema.url.slice('sqlite:'.length));
    for (const sql of statements) database.exec(sql);
    return database.close();
  }
  const connection = await plainClient(schema.url);
  for (const sql of statements) await connection.query(sql);
  await connection.end();
}

/** Returns an INSERT of counted rows in the dialect of the database. */
function insertOf({ kind }: Place, verb: string, course: number, student: number, status: string, rest = ''): string {
  const now = kind === 'sqlite' ? '0' : "'2026-01-01'";
  return `${verb} into core_enrollments (course_id, student_id, status, enrolled_at, updated_at) values (${course}, ${student}, '${status}', ${now}, ${now}) ${rest}`;
}

/** Returns what comes before the values, and after them, of an INSERT that leaves rows as they are. */
function ignoring({ kind }: Place): readonly [string, string] {
  if (kind === 'sqlite') return ['insert or ignore', ''];
  return kind === 'postgresql' ? ['insert', 'on conflict do nothing'] : ['insert ignore', ''];
}

/** Returns the clause of an INSERT that changes the row that is there. */
function changing({ kind }: Place): string {
  return mySqls.includes(kind)
    ? "on duplicate key update status = 'dropped'"
    : "on conflict (course_id, student_id) do update set status = 'dropped'";
}

/** The programs that send raw SQL, in whichever way. */
export const rawSql: Program[] = [
  program(
    'raw SQL: `execute()` of `em`, its connection or its driver, `executeDump()`, a native query builder',
    schoolModel,
    {
      'em.execute()': (_, place) => place.em().execute(emptied),
      'em.execute() in a transaction': (_, place) => place.em().transactional(em => em.execute(emptied)),
      'raw()': (_, place) => place.em().execute(raw(emptied)),
      'a native query builder': (_, place) =>
        place.em().execute(place.em().getPlatform().createNativeQueryBuilder().from('core_enrollments').delete()),
      'the connection': (_, place) => place.em().getConnection().execute(emptied),
      'a dump': (_, place) => place.em().getConnection().executeDump(emptied),
      'the driver': (_, place) => place.em().getDriver().execute(emptied),
    },
  ),
  program('raw SQL of a migration: `addSql()`, `execute()`', schoolModel, {
    addSql: (_, place) => place.schema.database.migrator.up(),
  }),
  program('raw `INSERT IGNORE`, `REPLACE`, `ON DUPLICATE KEY UPDATE`, `ON CONFLICT`', schoolModel, {
    'a row that is new': ({ course, free }, place) => {
      const [verb, rest] = ignoring(place);
      return place.em().execute(insertOf(place, verb, course, free, 'active', rest));
    },
    'a row in the place of another': ({ course, student, other }, place) =>
      place
        .em()
        .execute(
          place.kind === 'postgresql'
            ? insertOf(
                place,
                'insert',
                course,
                student,
                'dropped',
                `on conflict (course_id, student_id) do update set course_id = ${other}, status = excluded.status`,
              )
            : insertOf(place, 'replace', course, student, 'dropped'),
        ),
    'a row that is there': ({ course, student }, place) =>
      place.em().execute(insertOf(place, 'insert', course, student, 'active', changing(place))),
  }),
  program('raw `INSERT IGNORE`, `ON CONFLICT DO NOTHING` of rows that are all there', schoolModel, {
    'a duplicate': ({ course, student }, place) => {
      const [verb, rest] = ignoring(place);
      return place.em().execute(insertOf(place, verb, course, student, 'dropped', rest));
    },
  }),
  program('SQL of another program, or of an ORM without counters', schoolModel, {
    insert: ({ course, free }, place) => asAnotherProgram(place, insertOf(place, 'insert', course, free, 'active')),
    update: ({ other }, place) =>
      asAnotherProgram(place, `update core_enrollments set course_id = ${other}, status = 'completed'`),
    delete: (_, place) => asAnotherProgram(place, emptied),
    'an ORM without counters': async (_, { schema, kind }) => {
      const {
        subscribers: _subscribers,
        entityManager: _entityManager,
        ...options
      } = (await ormOptions(schema.url)) as Record<string, unknown>;
      // Ours would only read a file that our migrations did not make.
      const own = kind === 'sqlite' && {
        driverOptions: new NodeSqliteFileDialect(schema.url.slice('sqlite:'.length), 5000),
      };
      const orm = (await MikroORM.init({
        ...options,
        ...own,
        entities: [User, Course, Enrollment],
        onCreateConnection: () => undefined,
      } as never)) as unknown as Database;
      try {
        await orm.em.fork().nativeDelete(Enrollment, {});
      } finally {
        await orm.close(true);
      }
    },
  }),
  program("a statement that writes counted rows and reads their target's table", schoolModel, {
    'raw DELETE': ({ course }, place) =>
      place
        .em()
        .execute('delete from core_enrollments where course_id in (select id from core_course where id = ?)', [course]),
    'raw UPDATE': ({ course }, place) =>
      place
        .em()
        .execute(
          "update core_enrollments set status = 'dropped' where course_id in (select id from core_course where id = ?)",
          [course],
        ),
  }),
  program(
    '`REPLACE` of a program that has not set `pragma recursive_triggers = on` (SQLite)',
    schoolModel,
    {
      replace: ({ course, student }, place) =>
        asAnotherProgram(place, insertOf(place, 'replace', course, student, 'dropped')),
    },
    ['sqlite'],
  ),
  program(
    'a stored procedure: `em.callRoutine()` (MySQL, MariaDB, PostgreSQL)',
    schoolModel,
    {
      callRoutine: (_, place) => place.em().callRoutine(EmptyTheTable, {}),
    },
    servers,
  ),
  program(
    '`LOAD DATA` (MySQL, MariaDB)',
    schoolModel,
    {
      'from the client': async ({ course, free }, { schema }) => {
        const connection = await createConnection(schema.url);
        const [[{ allowed }]] = (await connection.query('select @@global.local_infile as allowed')) as unknown as [
          [{ allowed: number }],
        ];
        await connection.query('set global local_infile = 1');
        try {
          const sql =
            "load data local infile 'rows' into table core_enrollments fields terminated by ',' (course_id, student_id, status, enrolled_at, updated_at)";
          await connection.query({
            sql,
            infileStreamFactory: () => Readable.from([Buffer.from(`${course},${free},active,2026-01-01,2026-01-01\n`)]),
          } as never);
        } finally {
          await connection.query('set global local_infile = ?', [allowed]);
          await connection.end();
        }
      },
    },
    mySqls,
  ),
  program(
    'raw `TRUNCATE` of a counted table (MySQL, MariaDB, PostgreSQL)',
    schoolModel,
    {
      truncate: (_, place) => place.em().execute('truncate table core_enrollments'),
    },
    servers,
  ),
  program(
    'raw `MERGE`, which version 15 brought (PostgreSQL)',
    schoolModel,
    {
      'rows that are there, and those that are not': ({ course, other, student, free }, place) =>
        place.em().execute(
          `merge into core_enrollments e using (values (${course}, ${student}), (${other}, ${free})) v (course, student)
             on e.course_id = v.course and e.student_id = v.student
           when matched then delete
           when not matched then insert (course_id, student_id, status, enrolled_at, updated_at) values (v.course, v.student, 'active', now(), now())`,
        ),
    },
    postgreSql,
  ),
  program(
    'raw `UPDATE … FROM`, `DELETE … USING` (PostgreSQL)',
    schoolModel,
    {
      'UPDATE … FROM': ({ other }, place) =>
        place
          .em()
          .execute('update core_enrollments e set course_id = ? from core_course c where c.id = e.course_id', [other]),
      'DELETE … USING': (_, place) =>
        place.em().execute('delete from core_enrollments e using core_course c where c.id = e.course_id'),
    },
    postgreSql,
  ),
  program(
    'raw `WITH` of statements that write (PostgreSQL)',
    schoolModel,
    {
      'moved by two statements in one': ({ other }, place) =>
        place.em().execute(
          `with gone as (delete from core_enrollments returning student_id, status, enrolled_at, updated_at)
           insert into core_enrollments (course_id, student_id, status, enrolled_at, updated_at) select ${other}, * from gone`,
        ),
    },
    postgreSql,
  ),
  program(
    '`COPY … FROM` (PostgreSQL)',
    schoolModel,
    {
      'from a program of the server': ({ course, free }, place) =>
        asAnotherProgram(
          place,
          `copy core_enrollments (course_id, student_id, status, enrolled_at, updated_at) from program 'echo ${course},${free},active,2026-01-01,2026-01-01' csv`,
        ),
    },
    postgreSql,
  ),
];
