import { afterAll, beforeAll, expect, it } from 'vitest';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { insertMany } from 'mikro-orm-counters';
import type { Viewer } from '../../src/access/viewer.js';
import type { Database } from '../../src/database/database.js';
import { Course, CourseStatus, Enrollment, EnrollmentStatus, Role, User, type Key } from '../../src/entities/index.js';
import {
  coursePage,
  enrollmentPage,
  enrollmentPages,
  type CourseFilter,
  type EnrollmentFilter,
  type Ordering,
  type PageRequest,
} from '../../src/reading/index.js';
import { seesCourse, seesEnrollment } from '../../src/reading/visibility.js';
import { describeOnFirstThree, freshDatabase } from '../support/databases.js';
import { isMySql } from '../support/server.js';
import { addUsers } from '../support/rows.js';
import { readCounter, type ReadCounter } from '../support/rows-read.js';
import { statementsOf } from '../support/statements.js';
import { numberKey } from '../support/keys.js';

const COURSES = 300;
const STUDENTS = 600;
const PAGE = 20;
const DAY_MS = 86_400_000;

/** The courses that the teacher instructs. */
const TAUGHT = 12;

interface CourseFacts {
  readonly id: Key;
  readonly title: string;
  readonly status: CourseStatus;
  readonly isPublished: boolean;
  readonly instructorId: Key | null;
  readonly totalEnrollments: number;
  readonly createdAt: Date;
}

interface EnrollmentFacts {
  readonly id: Key;
  readonly courseId: Key;
  readonly studentId: Key;
  readonly status: EnrollmentStatus;
  readonly enrolledAt: Date;
}

describeOnFirstThree('a page of a long list', kind => {
  let database: Database;
  let drop: () => Promise<void>;
  let counter: ReadCounter | null = null;
  let courses: CourseFacts[];
  let enrollments: EnrollmentFacts[];
  let viewers: Record<string, Viewer | null>;
  let student: number;
  let teacher: number;

  beforeAll(async () => {
    let url: string;
    ({ database, drop, url } = await freshDatabase(kind));
    const students = await addUsers(database, Role.STUDENT, STUDENTS);
    const teachers = await addUsers(database, Role.TEACHER, 3);
    [student, teacher] = [students[7]!, teachers[0]!];
    await addSkewedCourses(teachers);
    await addSkewedEnrollments(students);
    viewers = {
      anyone: null,
      'a student': { role: Role.STUDENT, userId: student },
      'a teacher': { role: Role.TEACHER, userId: teacher },
      'an admin': { role: Role.ADMIN, userId: null },
    };
    const em = database.em.fork();
    courses = (await em.find(Course, {}, { orderBy: { id: 'asc' } })).map(course => ({
      id: course.id,
      title: course.title,
      status: course.status,
      isPublished: course.isPublished,
      instructorId: course.instructor?.id ?? null,
      totalEnrollments: course.totalEnrollments,
      createdAt: course.createdAt,
    }));
    enrollments = (await em.find(Enrollment, {}, { orderBy: { id: 'asc' } })).map(one => ({
      id: one.id,
      courseId: one.course.id,
      studentId: one.student.id,
      status: one.status,
      enrolledAt: one.enrolledAt,
    }));
    if (kind !== 'sqlite') {
      await database.em
        .getConnection()
        .execute(`analyze ${isMySql(kind) ? 'table ' : ''}core_course, core_enrollments, core_user`);
      counter = await readCounter(url);
    }
  });
  afterAll(async () => {
    await counter?.close();
    await drop();
  });

  /** Most courses are published and active; the drafts are the newest, and nobody is in the archived ones. */
  async function addSkewedCourses(teachers: readonly number[]): Promise<void> {
    const em = database.em.fork();
    for (let at = 0; at < COURSES; at += 1) {
      const isDraft = at >= COURSES - 60 || at % 50 === 7;
      em.create(Course, {
        title: `${String.fromCharCode(97 + ((at * 7) % 26))} ${String((at * 37) % COURSES).padStart(3, '0')}`,
        status: isDraft ? CourseStatus.DRAFT : at % 60 === 5 ? CourseStatus.ARCHIVED : CourseStatus.ACTIVE,
        isPublished: !isDraft,
        createdAt: new Date(Date.UTC(2026, 0, 1) + Math.floor(at / 3) * DAY_MS),
        instructor: em.getReference(User, teachers[at % (COURSES / TAUGHT) === 0 ? 0 : 1 + (at % 2)]!, {
          wrapped: true,
        }),
      });
    }
    await em.flush();
  }

  /** A course has a tenth of all enrollments; the suspended ones are few, and the first of all. */
  async function addSkewedEnrollments(students: readonly number[]): Promise<void> {
    const em = database.em.fork() as SqlEntityManager;
    const ids = (await em.find(Course, {}, { orderBy: { id: 'asc' } })).map(({ id }) => id);
    const sizes = ids.map((_, at) => (at === 100 ? STUDENTS : at % 60 === 5 ? 0 : 4 + Math.floor(3000 / (at + 30))));
    const rows = ids.flatMap((course, at) =>
      Array.from({ length: Math.min(sizes[at]!, STUDENTS) }, (_, nth) => {
        const place = (nth * 11 + at) % STUDENTS;
        return {
          course,
          student: at % 75 === 3 && nth === 0 ? teacher : students[place]!,
          status:
            at < 8 && nth < 2
              ? EnrollmentStatus.SUSPENDED
              : [
                  EnrollmentStatus.ACTIVE,
                  EnrollmentStatus.ACTIVE,
                  EnrollmentStatus.COMPLETED,
                  EnrollmentStatus.DROPPED,
                ][nth % 4]!,
          enrolledAt: new Date(Date.UTC(2026, 0, 1) + ((nth * 13 + at) % 200) * DAY_MS),
        };
      }),
    );
    await insertMany(em, Enrollment, rows);
  }

  /** A list to read: its rows by the rules in memory, and the function that reads a page. */
  interface List<Facts> {
    readonly rows: readonly Facts[];
    readonly order: Ordering;
    readonly read: (page: PageRequest) => Promise<readonly { readonly id: Key; readonly sort?: string | number }[]>;
    /** Returns how many rows may be read beside three times the page. */
    readonly beside: (page: PageRequest) => number;
    /** Whether the database reads and sorts the rows of small courses, because the tables are small. */
    readonly sorts?: boolean;
  }

  const valueOf = {
    id: (row: { id: Key }) => row.id,
    title: (row: CourseFacts) => row.title,
    total_enrollments: (row: CourseFacts) => row.totalEnrollments,
    created_at: (row: CourseFacts) => row.createdAt.getTime(),
    enrolled_at: (row: EnrollmentFacts) => row.enrolledAt.getTime(),
  } as Record<string, (row: never) => string | number>;

  const FIRST: PageRequest = { size: PAGE, backward: false, after: null, before: null };

  /** Reads the first pages, the last one and one in the middle, and asserts what they have and what they read. */
  async function expectFewRowsRead<Facts extends { readonly id: Key }>(list: List<Facts>): Promise<void> {
    const value = valueOf[list.order.column] as unknown as (row: Facts) => string | number;
    const sign = list.order.descending ? -1 : 1;
    const expected = list.rows
      .toSorted(
        (a, b) => sign * (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : numberKey(a.id) - numberKey(b.id)),
      )
      .map(({ id }) => id);
    const found: { id: Key; sort?: string | number }[] = [];
    const pages: [string, PageRequest, Key[]][] = [
      ['first', FIRST, expected.slice(0, PAGE)],
      ['last', { ...FIRST, backward: true }, expected.slice(-PAGE)],
    ];
    const middle = Math.max(0, Math.floor(expected.length * 0.6) - 1);
    for (const [name, page, ids] of pages) await expectPage(name, page, ids);
    if (expected.length < 3) return;
    // The position of a row in the middle, from a page that ends with it.
    let position = null;
    for (let at = 0; at <= middle;) {
      const some = await list.read({ ...FIRST, size: Math.min(100, middle + 1 - at), after: position });
      const last = some.at(-1)!;
      position = { value: last.sort ?? last.id, id: last.id };
      at += some.length;
    }
    await expectPage('after', { ...FIRST, after: position }, expected.slice(middle + 1, middle + 1 + PAGE));
    await expectPage(
      'before',
      { ...FIRST, backward: true, before: position },
      expected.slice(Math.max(0, middle - PAGE), middle),
    );

    async function expectPage(name: string, page: PageRequest, ids: Key[]): Promise<void> {
      found.length = 0;
      const statements = await statementsOf(database, async () => {
        found.push(...(await list.read(page)));
      });
      expect([name, found.map(({ id }) => id)]).toEqual([name, ids]);
      for (const statement of counter ? [] : statements)
        expect([name, statement, await badParts(statement)]).toEqual([name, statement, []]);
      if (!counter || list.sorts === true) return;
      let read = 0;
      for (const statement of statements) read += await counter.rowsReadBy(statement);
      const most = 3 * (PAGE + 1) + list.beside(page);
      expect([name, statements, read, Math.min(read, most)]).toEqual([name, statements, read, read]);
    }
  }

  /**
   * Returns the parts of SQLite's plan that scan a table without an index, or sort its rows: all but those of a student
   * or a teacher, and those of the page.
   */
  async function badParts(statement: string): Promise<string[]> {
    const nodes = await database.em
      .getConnection()
      .execute<{ id: number; parent: number; detail: string }[]>(`explain query plan ${statement}`);
    const sortsRows = (parent: number): boolean =>
      nodes.some(
        other =>
          other.parent === parent &&
          /core_(course|enrollments)/.test(other.detail) &&
          !/\(rowid=\?\)|student_id=\?|instructor_id=\?/.test(other.detail),
      );
    return nodes
      .filter(
        ({ parent, detail }) =>
          (detail.includes('TEMP B-TREE') && sortsRows(parent)) ||
          (statement.includes(' where ') && /^SCAN core_(course|enrollments)(?!.* INDEX )/.test(detail)),
      )
      .map(({ detail }) => detail);
  }

  const courseFilters: [string, () => CourseFilter, (course: CourseFacts) => boolean][] = [
    ['no filter', () => ({}), () => true],
    ...Object.values(CourseStatus).map(
      status =>
        [`status ${status}`, () => ({ status: [status] }), (course: CourseFacts) => course.status === status] as [
          string,
          () => CourseFilter,
          (course: CourseFacts) => boolean,
        ],
    ),
    ['isPublished', () => ({ isPublished: true }), course => course.isPublished],
    ['not isPublished', () => ({ isPublished: false }), course => !course.isPublished],
    ['an instructor', () => ({ instructorId: teacher }), course => course.instructorId === teacher],
  ];
  const courseOrders = (['id', 'title', 'total_enrollments', 'created_at'] as const).flatMap(column =>
    [false, true].map(descending => ({ list: 'courses', field: column.toUpperCase(), column, descending })),
  );

  it.each(
    courseFilters.flatMap(([name, filter, matches]) =>
      ['anyone', 'a student', 'a teacher', 'an admin'].map(viewer => [name, viewer, { filter, matches }] as const),
    ),
  )(
    'a page of courses with %s, for %s, is read by an index in each order, and no more rows than it needs',
    async (_, name, { filter, matches }) => {
      const viewer = viewers[name]!;
      const enrolled = new Set(
        enrollments.filter(({ studentId }) => studentId === viewer?.userId).map(({ courseId }) => courseId),
      );
      const taught = viewer?.role === Role.TEACHER ? TAUGHT : 0;
      for (const order of courseOrders)
        await expectFewRowsRead({
          rows: courses.filter(course => matches(course) && seesCourse(viewer, course, () => enrolled.has(course.id))),
          order,
          read: async page => (await coursePage(database, viewer, filter(), order, page)).rows,
          beside: () => 2 * enrolled.size + taught + (filter().instructorId == null ? 0 : 2 * TAUGHT),
        });
    },
  );

  const enrollmentFilters: [string, () => EnrollmentFilter, (enrollment: EnrollmentFacts) => boolean][] = [
    ['no filter', () => ({}), () => true],
    ...Object.values(EnrollmentStatus).map(
      status =>
        [`status ${status}`, () => ({ status: [status] }), (one: EnrollmentFacts) => one.status === status] as [
          string,
          () => EnrollmentFilter,
          (one: EnrollmentFacts) => boolean,
        ],
    ),
    ['the largest course', () => ({ courseId: courses[100]!.id }), one => one.courseId === courses[100]!.id],
    ['a small course', () => ({ courseId: courses[200]!.id }), one => one.courseId === courses[200]!.id],
    ['a student', () => ({ studentId: student }), one => one.studentId === student],
  ];
  const enrollmentOrders = (['id', 'enrolled_at'] as const).flatMap(column =>
    [false, true].map(descending => ({ list: 'enrollments', field: column.toUpperCase(), column, descending })),
  );

  it.each(
    enrollmentFilters.flatMap(([name, filter, matches]) =>
      ['a student', 'a teacher', 'an admin'].map(viewer => [name, viewer, { filter, matches }] as const),
    ),
  )(
    'a page of enrollments with %s, for %s, is read by an index in each order, and no more rows than it needs',
    async (_, name, { filter, matches }) => {
      const viewer = viewers[name]!;
      const instructors = new Map(courses.map(({ id, instructorId }) => [id, instructorId]));
      const { courseId, studentId } = filter();
      const own = enrollments.filter(one => one.studentId === (studentId ?? viewer.userId)).length;
      const taught = courses.filter(({ instructorId }) => instructorId === viewer.userId);
      const isOfTaught = viewer.role === Role.TEACHER && courseId == null && studentId == null;
      // The first row of each course, behind the rows before a cursor where there are few; then a page of each.
      const ofTaught = ({ after, before }: PageRequest): number =>
        taught.reduce(
          (sum, { totalEnrollments: total }) => sum + 4 + (after || before ? Math.min(total, 100) : 0) + PAGE + 1,
          0,
        );
      for (const order of enrollmentOrders) {
        const list = {
          rows: enrollments.filter(
            one => matches(one) && seesEnrollment(viewer, { ...one, instructorId: instructors.get(one.courseId)! }),
          ),
          order,
          beside: (page: PageRequest) => 2 * own + (isOfTaught ? ofTaught(page) : 0),
          sorts: kind === 'mariadb' && isOfTaught && filter().status != null,
        };
        await expectFewRowsRead({
          ...list,
          read: async page => (await enrollmentPage(database, viewer, filter(), order, page)).rows,
        });
        if (courseId != null)
          await expectFewRowsRead({
            ...list,
            read: async page =>
              (await enrollmentPages(database, viewer, 'course_id', [courseId], {}, order, page))[0]!.rows,
          });
      }
    },
  );
});
