import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Viewer } from '../../src/access/viewer.js';
import type { Database } from '../../src/database/database.js';
import { CourseStatus, EnrollmentStatus, Role, type Key } from '../../src/entities/index.js';
import {
  coursePage,
  enrollmentPage,
  type CourseFilter,
  type EnrollmentFilter,
  type PageRequest,
} from '../../src/reading/index.js';
import { describeOnServers, freshDatabase } from '../support/databases.js';
import { readCounter, type ReadCounter } from '../support/rows-read.js';
import { statementsOf } from '../support/statements.js';

const PAGE = 20;
const FIRST: PageRequest = { size: PAGE, backward: false, after: null, before: null };

/**
 * Who reads, and how many pages of rows a page of courses and one of enrollments cost at most. Those who see a part also
 * read what is their own; a page of a teacher's enrollments reads the first ones of as many courses as it has rows.
 */
const readers = [
  { name: 'an admin', viewer: { role: Role.ADMIN, userId: null }, ofCourses: 3, ofEnrollments: 3 },
  { name: 'a teacher', viewer: { role: Role.TEACHER, userId: 30 }, ofCourses: 5, ofEnrollments: PAGE + 3 },
  { name: 'a student', viewer: { role: Role.STUDENT, userId: 700 }, ofCourses: 5, ofEnrollments: 3 },
  { name: 'anybody', viewer: null, ofCourses: 5, ofEnrollments: null },
] satisfies { name: string; viewer: Viewer | null; ofCourses: number; ofEnrollments: number | null }[];

/**
 * Tables of a size at which the planner takes no index for reading all, made by the server itself: the drafts are the
 * newest courses, and the suspended enrollments are few.
 */
const rows = [
  // Its samples would change the plans while the tests run.
  ...['core_user', 'core_course', 'core_enrollments'].map(
    table => `alter table ${table} set (autovacuum_enabled = false)`,
  ),
  "insert into core_user (name, email, created_at, updated_at) select 'User', 'user-' || i || '@example.org', now(), now() from generate_series(1, 3000) i",
  `insert into core_course (title, status, is_published, instructor_id, total_enrollments, created_at, updated_at)
   select chr(97 + (i * 7) % 26) || ' ' || (i * 37) % 10000, case when i > 8000 then 'draft' when i % 60 = 5 then 'archived' else 'active' end, i <= 8000,
     1 + i % 500, (i * 13) % 700, timestamptz '2026-01-01' + i / 3 * interval '1 minute', now() from generate_series(1, 10000) i`,
  `insert into core_enrollments (course_id, student_id, status, enrolled_at, updated_at)
   select 1 + i % 7000, 1 + (i / 7000 * 97 + i) % 3000, case when i % 200 = 7 then 'suspended' when i % 4 = 1 then 'completed' when i % 4 = 2 then 'dropped' else 'active' end,
     timestamptz '2026-01-01' + (i * 13) % 20000 * interval '1 minute', now() from generate_series(0, 59999) i`,
  'vacuum core_user, core_course, core_enrollments',
  // Of all rows, because the plans would depend on which ones it happens to take.
  'set default_statistics_target = 1000; analyze core_user, core_course, core_enrollments; reset default_statistics_target',
];

describeOnServers(
  'the plan of a list',
  kind => {
    let database: Database;
    let drop: () => Promise<void>;
    let counter: ReadCounter;

    beforeAll(async () => {
      let url: string;
      ({ database, drop, url } = await freshDatabase(kind));
      for (const sql of rows) await database.em.getConnection().execute(sql, [], 'run');
      counter = await readCounter(url);
    });
    afterAll(async () => {
      await counter.close();
      await drop();
    });

    type Read = (page: PageRequest) => Promise<{ rows: readonly { id: Key; sort?: string | number }[] }>;

    /** Asserts that the first page, the last one and those around a row read no more rows than some pages have. */
    async function expectFewRowsRead(pages: number, read: Read): Promise<void> {
      // Far from both ends: the planner sorts the last rows of a list, here some 1,500, that are left behind a cursor.
      const { rows: many } = await read({ ...FIRST, size: 15_000 });
      const middle = many[Math.floor(many.length / 2)];
      const position = middle && { value: middle.sort ?? middle.id, id: middle.id };
      for (const page of [
        FIRST,
        { ...FIRST, backward: true },
        ...(position
          ? [
              { ...FIRST, after: position },
              { ...FIRST, backward: true, before: position },
            ]
          : []),
      ]) {
        const statements = await statementsOf(database, () => read(page));
        let found = 0;
        for (const statement of statements) found += await counter.rowsReadBy(statement);
        expect([statements, found, Math.min(found, pages * (PAGE + 1))]).toEqual([statements, found, found]);
      }
    }

    const isAdmin = (viewer: Viewer | null): boolean => viewer?.role === Role.ADMIN;
    // Others read their strands in the same orders as admins read all, so some show the rest.
    const courseOrders = [
      ['id', false, true],
      ['total_enrollments', false, true],
      ['title', false, true],
      ['created_at', false, true],
    ] as const;
    const courseFilters: [string, CourseFilter][] = [
      ['no filter', {}],
      ...Object.values(CourseStatus).map(
        status => [`status ${status}`, { status: [status] }] as [string, CourseFilter],
      ),
      ['isPublished', { isPublished: true }],
      ['not isPublished', { isPublished: false }],
    ];
    // Drafts for admins only: others see a few of theirs, for which the planner reads all 2,000, which lie together.
    it.each(
      readers.flatMap(({ name, ...who }) =>
        courseFilters
          .filter(
            ([, { status, isPublished }]) =>
              isAdmin(who.viewer) || (isPublished !== false && status?.[0] !== CourseStatus.DRAFT),
          )
          .map(([filterName, filter]) => [filterName, name, { ...who, filter }] as const),
      ),
    )(
      'a page of courses with %s is read by an index in each order, for %s',
      async (_filter, _name, { viewer, ofCourses: pages, filter }) => {
        for (const [column, ...directions] of courseOrders.slice(isAdmin(viewer) ? 0 : 2))
          for (const descending of directions)
            await expectFewRowsRead(pages, page =>
              coursePage(database, viewer, filter, { list: 'courses', field: '', column, descending }, page),
            );
      },
    );

    const enrollmentFilters: [string, EnrollmentFilter][] = [
      ['no filter', {}],
      ...Object.values(EnrollmentStatus).map(
        status => [`status ${status}`, { status: [status] }] as [string, EnrollmentFilter],
      ),
    ];
    it.each(
      readers.flatMap(({ name, viewer, ofEnrollments: pages }) =>
        viewer === null
          ? []
          : enrollmentFilters.map(([filterName, filter]) => [filterName, name, { viewer, pages, filter }] as const),
      ),
    )(
      'a page of enrollments with %s is read by an index in each order, for %s',
      async (_filter, _name, { viewer, pages, filter }) => {
        for (const column of ['id', 'enrolled_at'] as const)
          for (const descending of [false, true])
            await expectFewRowsRead(pages, page =>
              enrollmentPage(database, viewer, filter, { list: 'enrollments', field: '', column, descending }, page),
            );
      },
    );
  },
  ['postgresql'],
);
