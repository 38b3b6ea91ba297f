import { expect, it } from 'vitest';
import { adopt, undoAdoption } from '../../../src/database/adoption/adopt.js';
import { planAdoption } from '../../../src/database/adoption/plan.js';
import { openDatabase } from '../../../src/database/database.js';
import { findTables } from '../../../src/database/schema/found-tables.js';
import { Role } from '../../../src/entities/index.js';
import { mapForm, type DatabaseMap } from '../../../src/map/map-form.js';
import { TheirDatabase } from '../../../src/tools/adopt/found/their-database.js';
import { keptValues } from '../../../src/tools/adopt/place/kept-values.js';
import { examinedPlan } from '../../../src/tools/adopt/place/refusals.js';
import { openedInPlace } from '../../support/adopted.js';
import { startApi, type Answer } from '../../support/api.js';
import { definitionsIn } from '../../support/catalog.js';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { laravelTables, railsTables } from '../../support/framework-tables.js';
import type { DatabaseKind } from '../../../src/database/dialects/dialect.js';

type Ask = (query: string, variables?: object) => Promise<Answer>;
type Read = (sql: string) => Promise<unknown[]>;

/**
 * Opens another application's database in place by a guessed map that is corrected, lets a server answer, and takes the
 * adoption back: the definitions are as before. Returns the map, and what the plan says of the rows.
 */
async function adopted(
  kind: DatabaseKind,
  statements: readonly string[],
  correct: (map: DatabaseMap) => object,
  use: (ask: Ask, read: Read) => Promise<void>,
): Promise<{ guessed: DatabaseMap; remarks: readonly string[] }> {
  const opened = await openedInPlace(kind, statements);
  const { database, url, map: guessed } = opened;
  try {
    const before = await definitionsIn(database, kind);
    const map = mapForm.parse({ ...guessed, ...correct(guessed) });
    const examined = { theirs: new TheirDatabase(database), tables: await findTables(database), map };
    const { plan, refusals } = await examinedPlan(examined);
    expect(refusals).toEqual([]);
    const remarks = [...plan!.remarks, ...(await keptValues(examined))];
    await adopt(database, { map });
    const served = await openDatabase(url, 'hooks', map);
    const api = await startApi(kind, { place: { database: served, url, drop: () => served.close(true) } });
    try {
      const admin = await api.token(Role.ADMIN, null);
      const ask: Ask = (query, variables) => api.send(admin, query, variables);
      await ask('mutation { recountEnrollments { userErrors { message } } }');
      await use(ask, sql => database.em.getConnection().execute<unknown[]>(sql));
      const { data } = await ask('mutation { verifyEnrollmentCounts { ok } }');
      expect(data.verifyEnrollmentCounts).toEqual({ ok: true });
    } finally {
      await api.stop();
    }
    expect((await planAdoption(database, map)).additions).toEqual([]);
    await undoAdoption(database);
    expect(await definitionsIn(database, kind)).toEqual(before);
    return { guessed, remarks };
  } finally {
    await opened.close();
  }
}

const COURSE =
  '{ course(id: 1) { title status totalEnrollments activeEnrollments instructor { name } enrollments(first: 9) { totalCount nodes { id status student { name role } } } } }';
const ENROLL =
  'mutation ($input: EnrollInput!) { enroll(input: $input) { course { totalEnrollments activeEnrollments } enrollment { id status } userErrors { message } } }';
const SET_STATUS =
  'mutation ($input: SetEnrollmentStatusInput!) { setEnrollmentStatus(input: $input) { enrollment { status } userErrors { message } } }';

describeOnEngineDatabases(
  "a Rails app's database",
  kind => {
    it("a Rails app's database is adopted by a map of its numbers, with its counter caches, and undone", async () => {
      const { guessed, remarks } = await adopted(
        kind,
        railsTables(kind),
        ({ users, courses, enrollments }) => ({
          users: {
            ...users,
            columns: { ...users.columns, role: { column: 'role', values: { STUDENT: [0], TEACHER: [1], ADMIN: [2] } } },
          },
          courses: {
            ...courses,
            columns: {
              ...courses.columns,
              status: { column: 'status', values: { DRAFT: [0], ACTIVE: [1], ARCHIVED: [2] } },
              isPublished: { column: 'status', values: { true: [1] }, otherwise: 'false' },
            },
          },
          enrollments: {
            ...enrollments,
            columns: {
              ...enrollments.columns,
              status: { column: 'status', values: { ACTIVE: [0], COMPLETED: [1], DROPPED: [2] } },
            },
          },
        }),
        async (ask, read) => {
          const { data } = await ask(COURSE);
          expect(data.course).toMatchObject({
            title: 'Optics',
            status: 'ACTIVE',
            totalEnrollments: 3,
            activeEnrollments: 1,
            instructor: { name: 'Ann' },
            enrollments: {
              totalCount: 3,
              nodes: [
                { status: 'ACTIVE', student: { name: 'Bob', role: 'STUDENT' } },
                { status: 'DROPPED' },
                { status: null },
              ],
            },
          });
          const { data: changed } = await ask(ENROLL, { input: { courseId: '1', studentId: '1' } });
          expect(changed.enroll).toMatchObject({ course: { totalEnrollments: 4, activeEnrollments: 2 } });
          const input = { enrollmentId: changed.enroll.enrollment.id, status: 'COMPLETED' };
          expect((await ask(SET_STATUS, { input })).data.setEnrollmentStatus.enrollment).toEqual({
            status: 'COMPLETED',
          });
          expect(
            await read(
              'select e.status as s, c.enrollments_count as t, c.active_enrollments_count as a from enrollments e join courses c on c.id = e.course_id where e.user_id = 1',
            ),
          ).toEqual([{ s: 1, t: 4, a: 1 }]);
        },
      );
      expect(guessed.courses.counts).toEqual({
        totalEnrollments: 'enrollments_count',
        activeEnrollments: 'active_enrollments_count',
      });
      expect(remarks).toContain('enrollments gets no unique key, because students are in a course several times.');
      expect(remarks).toContainEqual(expect.stringContaining('does not name: "7" 1. They stay as they are'));
    });
  },
  ['sqlite', 'mysql', 'postgresql'],
);

describeOnEngineDatabases(
  "a Laravel app's database",
  kind => {
    it("a Laravel app's database is adopted as it was guessed, without stored counts, and undone; rows that are marked as deleted count", async () => {
      const { guessed, remarks } = await adopted(
        kind,
        laravelTables(kind),
        () => ({}),
        async (ask, read) => {
          const { data } = await ask(COURSE);
          expect(data.course).toMatchObject({
            title: 'Optics',
            status: 'ACTIVE',
            totalEnrollments: 2,
            activeEnrollments: 2,
            instructor: { name: 'Ann' },
            enrollments: { totalCount: 2 },
          });
          const { data: changed } = await ask(ENROLL, { input: { courseId: '1', studentId: '1' } });
          expect(changed.enroll).toMatchObject({ course: { totalEnrollments: 3, activeEnrollments: 3 } });
          expect(
            await read('select status as s from enrollments where user_id = 1 and created_at is not null'),
          ).toEqual([{ s: 'active' }]);
        },
      );
      expect(guessed.courses.counts).toBeUndefined();
      expect(remarks).toContain(
        'Rows of enrollments that are marked as deleted, by deleted_at: 1 row. They stay, and are listed and counted like others.',
      );
    });
  },
  ['sqlite', 'mariadb', 'postgresql'],
);
