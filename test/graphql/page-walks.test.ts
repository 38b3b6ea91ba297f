import { afterAll, beforeAll, expect, it } from 'vitest';
import { EnrollmentStatus, Role } from '../../src/entities/index.js';
import { startApi, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { addCourses, addEnrollments, addUsers } from '../support/rows.js';
import {
  courseList,
  enrollmentList,
  enrollmentsOf,
  enrollmentsUnderCourse,
  enrollmentsUnderStudent,
  walk,
  type List,
} from './lists.js';

const DIRECTIONS = ['ASC', 'DESC'];
/** Titles that collations treat as equal or nearly equal, and titles that SQL or JSON could misread. */
const TITLES = [
  'alpha',
  'Alpha',
  'álpha',
  'alpha ',
  'beta',
  'beta',
  'beta',
  "o'neill",
  '"quoted"',
  'back\\slash',
  '50%',
  '😀',
  '日本語',
  ''.padEnd(255, 'z'),
];

describeOnEach('walking through a list', kind => {
  let api: Api;
  let admin: string;
  let hot: number;
  let busy: number;
  let teacher: number;
  let others: number;

  beforeAll(async () => {
    api = await startApi(kind);
    admin = await api.token(Role.ADMIN, null);
    const { database } = api;
    const students = await addUsers(database, Role.STUDENT, 30);
    const moments = [
      new Date('2026-01-31T10:00:00.000Z'),
      new Date('2026-01-31T10:00:00.001Z'),
      new Date('2025-12-31T23:59:59.999Z'),
    ];
    const courses = await addCourses(
      database,
      Array.from({ length: 42 }, (_, index) => ({
        title: TITLES[(index * 5) % TITLES.length]!,
        createdAt: moments[index % 3]!,
      })),
    );
    hot = courses[20]!;
    const statuses = Object.values(EnrollmentStatus);
    const enrollment = (course: number, student: number, index: number) => ({
      course,
      student,
      status: statuses[index % 4]!,
      enrolledAt: moments[(index * 7) % 3]!,
    });
    await addEnrollments(database, [
      ...students.map((student, index) => enrollment(hot, student, index)),
      ...courses.filter(course => course !== hot).map((course, index) => enrollment(course, students[0]!, index)),
      ...courses
        .filter((_, index) => index % 3 === 0 && index !== 20)
        .flatMap((course, at) =>
          students.slice(1, 1 + (at % 4)).map((student, index) => enrollment(course, student, index)),
        ),
    ]);
    const [row] = await database.em
      .getConnection()
      .execute<{ id: number }[]>(
        `select id from core_enrollments where course_id = ${hot} and student_id = ${students[0]!}`,
      );
    busy = row!.id;
    // A teacher of many courses, some without enrollments, who is a student of some of them and of one of others.
    teacher = (await addUsers(database, Role.TEACHER, 1))[0]!;
    others = courses[1]!;
    await database.em
      .fork()
      .execute(
        `update core_course set instructor_id = ${teacher} where id <> ${others} and id % 3 <> 0 or id = ${hot}`,
        [],
        'run',
      );
    await addCourses(database, [{ title: 'beta', instructor: teacher, createdAt: moments[0]! }]).then(([empty]) =>
      database.em.fork().execute(`update core_course set is_published = false where id = ${empty!}`, [], 'run'),
    );
    await addEnrollments(database, [enrollment(hot, teacher, 5), enrollment(others, teacher, 6)]);
  });
  afterAll(() => api.stop());

  /** Returns the ids as the database itself orders them, equal ones by id. */
  async function ordered(table: string, column: string, direction: string, where = '1 = 1'): Promise<number[]> {
    const rows = await api.database.em
      .getConnection()
      .execute<{ id: number }[]>(
        `select id from ${table} where ${where} order by ${column} ${direction}, id ${direction}`,
      );
    return rows.map(({ id }) => id);
  }

  async function expectWalks(list: List, expected: readonly number[], orderBy: object): Promise<void> {
    for (const size of [5, 50]) {
      expect(await walk(api, admin, list, { size, orderBy }), `forward by ${size}`).toEqual(expected);
      expect(await walk(api, admin, list, { size, orderBy, backward: true }), `backward by ${size}`).toEqual(expected);
    }
  }

  const each = (fields: string[]) => fields.flatMap(field => DIRECTIONS.map(direction => [field, direction] as const));

  it.each(each(['ID', 'TITLE', 'TOTAL_ENROLLMENTS', 'CREATED_AT']))(
    'walking through courses by %s %s returns each once, forward and backward',
    async (field, direction) => {
      const expected = await ordered('core_course', field.toLowerCase(), direction);
      expect(expected).toHaveLength(43);
      await expectWalks(courseList, expected, { field, direction });
    },
  );

  it.each(each(['ID', 'ENROLLED_AT']))(
    'walking through enrollments by %s %s returns each once, forward and backward',
    async (field, direction) => {
      const expected = await ordered('core_enrollments', field.toLowerCase(), direction);
      expect(expected.length).toBeGreaterThan(80);
      await expectWalks(enrollmentList, expected, { field, direction });
    },
  );

  it.each(each(['ID', 'ENROLLED_AT']))(
    'walking through the enrollments under a course by %s %s returns each once, forward and backward',
    async (field, direction) => {
      const expected = await ordered('core_enrollments', field.toLowerCase(), direction, `course_id = ${hot}`);
      expect(expected).toHaveLength(31);
      await expectWalks(enrollmentsUnderCourse(hot), expected, { field, direction });
    },
  );

  it.each(each(['ID', 'ENROLLED_AT']))(
    'walking through the enrollments under a student by %s %s returns each once, forward and backward',
    async (field, direction) => {
      const expected = await ordered(
        'core_enrollments',
        field.toLowerCase(),
        direction,
        `student_id = (select e.student_id from core_enrollments e where e.id = ${busy})`,
      );
      expect(expected).toHaveLength(42);
      await expectWalks(enrollmentsUnderStudent(busy), expected, { field, direction });
    },
  );

  const statusFilters = [undefined, ['DROPPED'], ['ACTIVE', 'SUSPENDED'], ['COMPLETED', 'DROPPED', 'SUSPENDED'], []];

  it.each(
    each(['ID', 'ENROLLED_AT']).flatMap(([field, direction]) =>
      statusFilters.map(status => [field, direction, status] as const),
    ),
  )(
    "walking through a course's enrollments that a teacher sees, by %s %s and of status %j, returns each once, forward and backward",
    async (field, direction, status) => {
      const chosen =
        status === undefined
          ? '1 = 1'
          : status.length === 0
            ? '1 = 0'
            : `status in (${status.map(one => `'${one.toLowerCase()}'`).join()})`;
      const order = [field.toLowerCase(), direction] as const;
      const seen = `(course_id in (select id from core_course where instructor_id = ${teacher}) or student_id = ${teacher}) and ${chosen}`;
      const orderBy = { field, direction };
      const asTeacher = await api.token(Role.TEACHER, teacher);
      for (const [token, list, expected] of [
        [asTeacher, enrollmentsOf(status), await ordered('core_enrollments', ...order, seen)],
        [
          asTeacher,
          enrollmentsOf(status, hot),
          await ordered('core_enrollments', ...order, `course_id = ${hot} and ${seen}`),
        ],
        [
          asTeacher,
          enrollmentsOf(status, others),
          await ordered('core_enrollments', ...order, `course_id = ${others} and ${seen}`),
        ],
        [admin, enrollmentsOf(status), await ordered('core_enrollments', ...order, chosen)],
        [
          admin,
          enrollmentsOf(status, hot),
          await ordered('core_enrollments', ...order, `course_id = ${hot} and ${chosen}`),
        ],
      ] as const) {
        for (const backward of [false, true])
          expect(await walk(api, token, list, { size: 7, orderBy, backward })).toEqual(expected);
      }
    },
  );

  it('walking through a list goes by ascending id by default', async () => {
    expect(await walk(api, admin, courseList, { size: 10 })).toEqual(await ordered('core_course', 'id', 'asc'));
    expect(await walk(api, admin, enrollmentList, { size: 10 })).toEqual(
      await ordered('core_enrollments', 'id', 'asc'),
    );
  });

  it('a page under each of many courses is the same as under each course alone', async () => {
    const args = '(first: 2, orderBy: { field: ENROLLED_AT, direction: DESC }, filter: { status: [ACTIVE, DROPPED] })';
    const selection = `enrollments${args} { totalCount nodes { id } pageInfo { hasNextPage hasPreviousPage endCursor } }`;
    const { data } = await api.send(admin, `{ courses(first: 100) { nodes { id ${selection} } } }`);
    for (const { id, enrollments } of data.courses.nodes) {
      const alone = await api.send(admin, `{ course(id: ${id}) { ${selection} } }`);
      expect(alone.data.course.enrollments).toEqual(enrollments);
    }
  });
});
