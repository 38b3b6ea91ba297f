import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { insertMany } from 'mikro-orm-counters';
import type { Viewer } from '../../src/access/viewer.js';
import type { Database } from '../../src/database/database.js';
import { Course, CourseStatus, Enrollment, EnrollmentStatus, Role, User, type Key } from '../../src/entities/index.js';
import {
  courseCount,
  coursePage,
  enrollmentCount,
  enrollmentCounts,
  enrollmentPage,
  enrollmentPages,
  limitRowsRead,
  TooManyRows,
  type CourseFilter,
  type CourseOrdering,
  type EnrollmentFilter,
  type PageRequest,
} from '../../src/reading/index.js';
import { seesCourse, seesEnrollment } from '../../src/reading/visibility.js';
import { describeOnEach, freshDatabase } from '../support/databases.js';
import { addUsers } from '../support/rows.js';
import { readCounter, type ReadCounter } from '../support/rows-read.js';
import { isMySql } from '../support/server.js';
import { statementsOf } from '../support/statements.js';
import { numberKey } from '../support/keys.js';

/** More than the first part of a walk, which is 1,000 courses. */
const COURSES = 1500;
const PAGE = 10;
const FIRST: PageRequest = { size: PAGE, backward: false, after: null, before: null };
const DAY_MS = 86_400_000;

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
  readonly courseId: Key;
  readonly studentId: Key;
  readonly status: EnrollmentStatus;
}

describeOnEach('a list with a limit of rows', kind => {
  let database: Database;
  let drop: () => Promise<void>;
  let counter: ReadCounter | null = null;
  let courses: CourseFacts[];
  let enrollments: EnrollmentFacts[];
  let viewers: Record<string, Viewer | null>;
  let teacher: number;

  beforeAll(async () => {
    let url: string;
    ({ database, drop, url } = await freshDatabase(kind));
    const students = await addUsers(database, Role.STUDENT, 40);
    const teachers = await addUsers(database, Role.TEACHER, 2);
    teacher = teachers[0]!;
    await addCourses(teachers);
    await addSomeEnrollments([...students, teacher]);
    viewers = {
      anyone: null,
      'a student': { role: Role.STUDENT, userId: students[3]! },
      'a teacher': { role: Role.TEACHER, userId: teacher },
      'an admin': { role: Role.ADMIN, userId: null },
    };
    const em = database.em.fork();
    courses = (await em.find(Course, {})).map(course => ({
      id: course.id,
      title: course.title,
      status: course.status,
      isPublished: course.isPublished,
      instructorId: course.instructor?.id ?? null,
      totalEnrollments: course.totalEnrollments,
      createdAt: course.createdAt,
    }));
    if (!isMySql(kind)) return;
    await database.em.getConnection().execute('analyze table core_course, core_enrollments, core_user');
    counter = await readCounter(url);
  });
  afterEach(() => limitRowsRead(database, Number.POSITIVE_INFINITY));
  afterAll(async () => {
    await counter?.close();
    await drop();
  });

  /** A tenth are drafts, and the last one has a key far behind all others, so that no list fits by its keys. */
  async function addCourses(teachers: readonly number[]): Promise<void> {
    const em = database.em.fork();
    const rows = Array.from({ length: COURSES }, (_, at) => ({
      id: at === COURSES - 1 ? 10_000_000 : at + 1,
      title: `${String.fromCharCode(97 + ((at * 7) % 26))} ${String((at * 37) % COURSES).padStart(4, '0')}`,
      status: at % 10 === 4 ? CourseStatus.DRAFT : at % 10 === 9 ? CourseStatus.ARCHIVED : CourseStatus.ACTIVE,
      isPublished: at % 10 !== 4,
      createdAt: new Date(Date.UTC(2026, 0, 1) + Math.floor(((at * 11) % COURSES) / 3) * DAY_MS),
      updatedAt: new Date(Date.UTC(2026, 0, 1)),
      instructor: em.getReference(User, teachers[at % 100 === 14 ? 0 : 1]!, { wrapped: true }),
    }));
    await em.insertMany(Course, rows);
  }

  async function addSomeEnrollments(students: readonly number[]): Promise<void> {
    const em = database.em.fork() as SqlEntityManager;
    enrollments = Array.from({ length: 300 }, (_, at) => at * 5 + 1).flatMap((courseId, at) =>
      students.slice(0, 1 + (at % 7)).map((_student, nth) => ({
        courseId,
        studentId: students[(at + nth * 5) % students.length]!,
        status: Object.values(EnrollmentStatus)[(at + nth) % 4]!,
      })),
    );
    await insertMany(
      em,
      Enrollment,
      enrollments.map(({ courseId, studentId, status }) => ({ course: courseId, student: studentId, status })),
    );
  }

  const courseFilters: [string, () => CourseFilter, (course: CourseFacts) => boolean][] = [
    ['a part of the title', () => ({ title: { contains: '7' } }), ({ title }) => title.includes('7')],
    ['a part of few titles', () => ({ title: { contains: '014' } }), ({ title }) => title.includes('014')],
    ['a part of no title', () => ({ title: { contains: 'xyz' } }), () => false],
    ['the beginning of the title', () => ({ title: { startsWith: 'B' } }), ({ title }) => title.startsWith('b')],
    ['a title', () => ({ title: { eq: courses[700]!.title } }), ({ title }) => title === courses[700]!.title],
    ['an instructor', () => ({ instructorId: teacher }), ({ instructorId }) => instructorId === teacher],
    ['many enrollments', () => ({ totalEnrollments: { gte: 6 } }), ({ totalEnrollments: total }) => total >= 6],
    [
      'drafts with a title',
      () => ({ status: [CourseStatus.DRAFT], title: { contains: '2' } }),
      ({ status, title }) => status === CourseStatus.DRAFT && title.includes('2'),
    ],
  ];
  const orders = (['id', 'title', 'total_enrollments', 'created_at'] as const).flatMap(column =>
    [false, true].map((descending): CourseOrdering => ({ list: 'courses', field: column, column, descending })),
  );
  const valueOf = {
    id: ({ id }: CourseFacts) => id,
    title: ({ title }: CourseFacts) => title,
    total_enrollments: ({ totalEnrollments }: CourseFacts) => totalEnrollments,
    created_at: ({ createdAt }: CourseFacts) => createdAt.getTime(),
  } as Record<string, (course: CourseFacts) => string | number>;

  function matchingCourses(
    viewer: Viewer | null,
    matches: (course: CourseFacts) => boolean,
    { column, descending }: CourseOrdering,
  ): CourseFacts[] {
    const [value, sign] = [valueOf[column]!, descending ? -1 : 1];
    const enrolled = new Set(
      enrollments.filter(({ studentId }) => studentId === viewer?.userId).map(({ courseId }) => courseId),
    );
    return courses
      .filter(course => matches(course) && seesCourse(viewer, course, () => enrolled.has(course.id)))
      .toSorted(
        (a, b) => sign * (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : numberKey(a.id) - numberKey(b.id)),
      );
  }

  const cases = courseFilters.flatMap(([name, filter, matches]) =>
    ['anyone', 'a student', 'a teacher', 'an admin'].map(viewer => [name, viewer, { filter, matches }] as const),
  );

  it.each(cases)(
    'courses by %s, for %s, are the same in each order and on each page whether the table is walked or not',
    async (_, name, { filter, matches }) => {
      const viewer = viewers[name]!;
      limitRowsRead(database, 10 * COURSES);
      for (const order of orders) {
        const expected = matchingCourses(viewer, matches, order);
        const read = (page: PageRequest) => coursePage(database, viewer, filter(), order, page);
        const ids = (rows: readonly { id: Key }[]): Key[] => rows.map(({ id }) => id);
        expect([order, ids((await read(FIRST)).rows)]).toEqual([order, ids(expected.slice(0, PAGE))]);
        expect([order, ids((await read({ ...FIRST, size: COURSES })).rows)]).toEqual([order, ids(expected)]);
        const last = await read({ ...FIRST, backward: true });
        expect([order, ids(last.rows), last.hasPreviousPage]).toEqual([
          order,
          ids(expected.slice(-PAGE)),
          expected.length > PAGE,
        ]);
        if (expected.length < 3) continue;
        // From a row in the middle, which a page of one row before the last ones has.
        const at = Math.floor(expected.length / 2);
        const { rows: many } = await read({ ...FIRST, size: at + 1 });
        const middle = many.at(-1)!;
        const position = { value: middle.sort!, id: middle.id };
        const after = await read({ ...FIRST, after: position });
        expect([order, ids(after.rows), after.hasNextPage]).toEqual([
          order,
          ids(expected.slice(at + 1, at + 1 + PAGE)),
          expected.length > at + 1 + PAGE,
        ]);
        const before = await read({ ...FIRST, backward: true, before: position });
        expect([order, ids(before.rows)]).toEqual([order, ids(expected.slice(Math.max(0, at - PAGE), at))]);
      }
    },
  );

  const LOW = 200;

  /** Runs a read under a low limit: it returns what is expected, or an error, and reads no more rows than that. */
  async function expectWithin<Result>(
    filter: object,
    expected: Result,
    read: () => Promise<Result>,
    beside = 0,
  ): Promise<'read' | 'refused'> {
    limitRowsRead(database, LOW);
    let outcome: 'read' | 'refused' = 'read';
    const statements = await statementsOf(database, async () => {
      try {
        expect(await read()).toEqual(expected);
      } catch (error) {
        if (!(error instanceof TooManyRows)) throw error;
        outcome = 'refused';
        const names = Object.keys(filter).map(name => `filter.${name}`);
        expect(error.argument).toBe(names.join(', ') || null);
        expect(error.message).toContain(`more than ${LOW} rows`);
      }
    });
    let found = 0;
    for (const statement of counter ? statements : []) found += await counter!.rowsReadBy(statement);
    const most = LOW + 3 * (PAGE + 1) + beside;
    expect([statements, found, Math.min(found, most)]).toEqual([statements, found, found]);
    return outcome;
  }

  it.each(cases)(
    'courses by %s, for %s, are read whole or refused by an error that names the filter, within the limit',
    async (_, name, { filter, matches }) => {
      const viewer = viewers[name]!;
      const outcomes = [];
      for (const order of orders)
        for (const page of [FIRST, { ...FIRST, backward: true }]) {
          const all = matchingCourses(viewer, matches, order).map(({ id }) => id);
          const expected = page.backward ? all.slice(-PAGE) : all.slice(0, PAGE);
          outcomes.push(
            await expectWithin(filter(), expected, async () =>
              (await coursePage(database, viewer, filter(), order, page)).rows.map(({ id }) => id),
            ),
          );
        }
      const count = matchingCourses(viewer, matches, orders[0]!).length;
      outcomes.push(await expectWithin(filter(), count, () => courseCount(database, viewer, filter())));
      // By an index on each database: the courses of a teacher are few, and a part of a title is in the rows alone.
      if ('instructorId' in filter()) expect(outcomes).not.toContain('refused');
      if (filter().title?.contains === 'xyz') expect(outcomes).not.toContain('read');
    },
  );

  it('lists that an index has in order are read under any limit', async () => {
    for (const name of ['anyone', 'an admin'])
      for (const filter of [
        {},
        { isPublished: true },
        { status: [CourseStatus.DRAFT] },
        { totalEnrollments: { gte: 2 } },
      ])
        for (const order of orders) {
          if ('totalEnrollments' in filter && order.column !== 'total_enrollments') continue;
          const expected = matchingCourses(
            viewers[name]!,
            course =>
              (!('isPublished' in filter) || course.isPublished) &&
              (!('status' in filter) || course.status === CourseStatus.DRAFT) &&
              (!('totalEnrollments' in filter) || course.totalEnrollments >= 2),
            order,
          );
          limitRowsRead(database, 1);
          const { rows } = await coursePage(database, viewers[name]!, filter, order, FIRST);
          expect([filter, order, rows.map(({ id }) => id)]).toEqual([
            filter,
            order,
            expected.slice(0, PAGE).map(({ id }) => id),
          ]);
        }
  });

  const enrollmentFilters: [string, () => EnrollmentFilter][] = [
    ['no filter', () => ({})],
    ['ACTIVE ones', () => ({ status: [EnrollmentStatus.ACTIVE] })],
    ['DROPPED ones', () => ({ status: [EnrollmentStatus.DROPPED] })],
    ['a course', () => ({ courseId: 31 })],
    ['a student', () => ({ studentId: enrollments[0]!.studentId })],
  ];
  it.each(
    enrollmentFilters.flatMap(([name, filter]) =>
      ['a student', 'a teacher', 'an admin'].map(viewer => [name, viewer, filter] as const),
    ),
  )(
    'enrollments by %s, for %s, and their number are read whole or refused, within the limit',
    async (_, name, filter) => {
      const viewer = viewers[name]!;
      const instructorOf = new Map(courses.map(({ id, instructorId }) => [id, instructorId]));
      const { courseId, studentId, status } = filter();
      const visible = enrollments.filter(
        one =>
          seesEnrollment(viewer, { ...one, instructorId: instructorOf.get(one.courseId)! }) &&
          (courseId == null || one.courseId === courseId) &&
          (studentId == null || one.studentId === studentId) &&
          (!status || status.includes(one.status)),
      );
      const order = { list: 'enrollments', field: 'ID', column: 'id', descending: false } as const;
      const pairs = (rows: readonly { courseId: Key; studentId: Key }[]): string[] =>
        rows.map(one => `${one.courseId} ${one.studentId}`);
      await expectWithin(filter(), pairs(visible.slice(0, PAGE)), async () =>
        pairs((await enrollmentPage(database, viewer, filter(), order, FIRST)).rows),
      );
      await expectWithin(filter(), visible.length, () => enrollmentCount(database, viewer, filter()));
      const parents = [...new Set(enrollments.map(one => one.studentId))].slice(0, 4);
      await expectWithin(
        filter(),
        parents.map(parent => visible.filter(one => one.studentId === parent).length),
        () => enrollmentCounts(database, viewer, 'student_id', parents, filter()),
      );
      await expectWithin(
        filter(),
        parents.map(parent => pairs(visible.filter(one => one.studentId === parent).slice(0, PAGE))),
        async () =>
          (await enrollmentPages(database, viewer, 'student_id', parents, filter(), order, FIRST)).map(({ rows }) =>
            pairs(rows),
          ),
        4 * PAGE,
      );
    },
  );

  it('the number of all enrollments, the sum of what the courses store, is refused beyond the limit of courses', async () => {
    expect(await expectWithin({}, enrollments.length, () => enrollmentCount(database, viewers['an admin']!, {}))).toBe(
      'refused',
    );
    limitRowsRead(database, 4 * COURSES);
    expect(await enrollmentCount(database, viewers['an admin']!, {})).toBe(enrollments.length);
  });
});
