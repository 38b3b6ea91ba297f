import { afterAll, beforeAll, expect, it } from 'vitest';
import { CourseStatus, EnrollmentStatus, Role } from '../../src/entities/index.js';
import { startApi, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { addCourses, addEnrollments, addUsers } from '../support/rows.js';

/** Titles with characters that are special in LIKE, SQL or JSON; each is searched for by these characters. */
const TITLES = [
  '100% sure',
  '100 sure',
  'snake_case',
  'snakeXcase',
  'wow!',
  'wow',
  'back\\slash',
  'backslash',
  "o'neill",
  'oneill',
  'say "hi"',
  'say hi',
  'really?',
  'tea ☕ time',
  'fun 😀 fun',
  'a;b--c/*d*/',
  '日本語の本',
  '!%_\\',
];

const texts: [string, Record<string, string | null>, string[]][] = [
  ['%', { contains: '%' }, ['100% sure', '!%_\\']],
  ['% at the beginning', { startsWith: '100%' }, ['100% sure']],
  ['_', { contains: 'e_c' }, ['snake_case']],
  ['_ at the beginning', { startsWith: 'snake_' }, ['snake_case']],
  ['!', { contains: '!' }, ['wow!', '!%_\\']],
  ['! at the beginning', { startsWith: '!' }, ['!%_\\']],
  ['all of them', { contains: '!%_\\' }, ['!%_\\']],
  ['a backslash', { contains: '\\' }, ['back\\slash', '!%_\\']],
  ['a backslash and more', { startsWith: 'back\\s' }, ['back\\slash']],
  ['two backslashes', { contains: '\\\\' }, []],
  ['a backslash before a quote', { contains: "\\'" }, []],
  ['a quote', { contains: "'" }, ["o'neill"]],
  ['a quote, whole', { eq: "o'neill" }, ["o'neill"]],
  ['double quotes', { contains: '"hi"' }, ['say "hi"']],
  ['a question mark', { contains: '?' }, ['really?']],
  ['two question marks', { contains: '??' }, []],
  ['a comment', { contains: '--c/*' }, ['a;b--c/*d*/']],
  ['an emoji', { contains: '😀' }, ['fun 😀 fun']],
  ['an emoji of the basic plane', { contains: '☕' }, ['tea ☕ time']],
  ['Japanese', { startsWith: '日本' }, ['日本語の本']],
  ['an injection', { contains: "' or 1=1 -- " }, []],
  ['an injection, whole', { eq: "x' or '1'='1" }, []],
  ['an injection with a backslash', { eq: "\\' or 1=1 -- " }, []],
  ['three parts that all hold', { contains: '_', startsWith: 'snake', eq: 'snake_case' }, ['snake_case']],
  ['parts that contradict each other', { contains: '_', eq: 'wow' }, []],
  ['parts that are null', { contains: null, startsWith: 'wow', eq: null }, ['wow!', 'wow']],
  ['nothing', {}, TITLES],
  ['an empty part', { contains: '' }, TITLES],
  ['an empty beginning', { startsWith: '' }, TITLES],
  ['an empty whole', { eq: '' }, []],
];

const numbers: [Record<string, number | null>, number[]][] = [
  [{ eq: 2 }, [2]],
  [{ gt: 2 }, [3, 4]],
  [{ gte: 2 }, [2, 3, 4]],
  [{ lt: 2 }, [0, 1]],
  [{ lte: 2 }, [0, 1, 2]],
  [{ gt: 0, lt: 3 }, [1, 2]],
  [{ gte: 1, lte: 1, eq: 1 }, [1]],
  [{ eq: 0 }, [0]],
  [{ eq: -1 }, []],
  [{ gt: -2_147_483_648, lt: 2_147_483_647 }, [0, 1, 2, 3, 4]],
  [{ eq: null, gt: null, gte: 4 }, [4]],
  [{}, [0, 1, 2, 3, 4]],
];

describeOnEach('a filter', kind => {
  let api: Api;
  let admin: string;
  let named: number;
  let counted: number;
  let students: number[];
  let courses: number[];

  beforeAll(async () => {
    api = await startApi(kind);
    admin = await api.token(Role.ADMIN, null);
    [named, counted] = (await addUsers(api.database, Role.TEACHER, 2)) as [number, number];
    await addCourses(
      api.database,
      TITLES.map(title => ({ title, instructor: named })),
    );
    students = await addUsers(api.database, Role.STUDENT, 4);
    const { DRAFT, ACTIVE, ARCHIVED } = CourseStatus;
    courses = await addCourses(
      api.database,
      [DRAFT, ACTIVE, ACTIVE, ARCHIVED, ARCHIVED].map((status, index) => ({
        status,
        isPublished: index % 2 === 0,
        instructor: counted,
      })),
    );
    const statuses = [
      EnrollmentStatus.ACTIVE,
      EnrollmentStatus.ACTIVE,
      EnrollmentStatus.DROPPED,
      EnrollmentStatus.COMPLETED,
    ];
    await addEnrollments(
      api.database,
      courses.flatMap((course, index) =>
        students.slice(0, index).map((student, at) => ({ course, student, status: statuses[at]! })),
      ),
    );
  });
  afterAll(() => api.stop());

  /** Returns the courses that a filter finds, and asserts that totalCount agrees. */
  async function found(filter: object): Promise<{ id: string; title: string; totalEnrollments: number }[]> {
    const { data, errors } = await api.send(
      admin,
      'query ($filter: CourseFilter) { courses(first: 100, filter: $filter) { totalCount nodes { id title totalEnrollments } } }',
      { filter },
    );
    expect(errors).toBeUndefined();
    expect(data.courses.totalCount).toBe(data.courses.nodes.length);
    return data.courses.nodes;
  }

  const placesOf = (nodes: { id: string }[]) => nodes.map(({ id }) => courses.indexOf(Number(id)));

  it.each(texts)('filtering titles by %s finds the titles that the text describes', async (_, title, expected) => {
    expect((await found({ instructorId: named, title })).map(node => node.title)).toEqual(expected);
  });

  it.each(numbers)('filtering totalEnrollments by %j finds %j', async (totalEnrollments, expected) => {
    expect((await found({ instructorId: counted, totalEnrollments })).map(node => node.totalEnrollments)).toEqual(
      expected,
    );
  });

  it.each([
    ['snake_case', 'SNAKE_case'],
    ['Élève', 'eLEVE'],
    ['über', 'ÜBER'],
    ['ΟΔΟΣ', 'οδός'],
    ['мёд', 'МЕД'],
    ['Čeština', 'cestina'],
  ])('a filter of titles by %s finds %s, whole or in part', async (title, asked) => {
    const [instructor] = await addUsers(api.database, Role.TEACHER, 1);
    await addCourses(api.database, [
      { title, instructor },
      { title: `${title}!`, instructor },
      { title: 'x', instructor },
    ]);
    const titles = async (filter: object) =>
      (await found({ instructorId: instructor, title: filter })).map(node => node.title);
    expect(await titles({ eq: asked })).toEqual([title]);
    expect(await titles({ startsWith: asked })).toEqual([title, `${title}!`]);
    expect(await titles({ contains: asked.slice(1) })).toEqual([title, `${title}!`]);
  });

  it('a filter of titles distinguishes letters that differ by more than an accent', async () => {
    const [instructor] = await addUsers(api.database, Role.TEACHER, 1);
    await addCourses(
      api.database,
      ['чай', 'かき', '각'].map(title => ({ title, instructor })),
    );
    for (const asked of ['чаи', 'き', '가'])
      expect(await found({ instructorId: instructor, title: { startsWith: asked } })).toEqual([]);
  });

  it('a filter of courses by ids, status, isPublished and instructor finds the courses that match all parts', async () => {
    const all = { instructorId: counted };
    expect(placesOf(await found(all))).toEqual([0, 1, 2, 3, 4]);
    expect(placesOf(await found({ ids: [courses[3], courses[1], courses[1], 999_999] }))).toEqual([1, 3]);
    expect(placesOf(await found({ ...all, status: ['ACTIVE'] }))).toEqual([1, 2]);
    expect(placesOf(await found({ ...all, status: ['DRAFT', 'ARCHIVED'], isPublished: true }))).toEqual([0, 4]);
    expect(placesOf(await found({ ...all, isPublished: false, ids: [courses[0], courses[1]] }))).toEqual([1]);
    expect(
      placesOf(
        await found({ ...all, status: null, isPublished: null, ids: null, title: null, totalEnrollments: null }),
      ),
    ).toEqual([0, 1, 2, 3, 4]);
    expect(await found({ instructorId: 999_999 })).toEqual([]);
  });

  it('a filter of courses by an empty list finds nothing', async () => {
    expect(await found({ ids: [] })).toEqual([]);
    expect(await found({ status: [] })).toEqual([]);
  });

  it('a filter of courses accepts 5,000 ids', async () => {
    const ids = Array.from({ length: 4999 }, (_, index) => String(1_000_000 + index));
    expect(placesOf(await found({ ids: [...ids, courses[2]!] }))).toEqual([2]);
  });

  it('a filter accepts a status that is named 50,000 times as one', async () => {
    const status = Array.from({ length: 50_000 }, () => 'ACTIVE');
    expect(placesOf(await found({ instructorId: counted, status }))).toEqual([1, 2]);
    const counts =
      'query ($id: ID!, $status: [EnrollmentStatus!]) { enrollments(filter: { courseId: $id, status: $status }) { totalCount } course(id: $id) { enrollmentsCount(status: $status) { count } } }';
    expect((await api.send(admin, counts, { id: courses[4], status })).data).toEqual({
      enrollments: { totalCount: 2 },
      course: { enrollmentsCount: { count: 2 } },
    });
  });

  it('a filter of enrollments by course, student and status finds the enrollments that match all parts', async () => {
    const counts = async (filter: object) => {
      const { data } = await api.send(
        admin,
        'query ($filter: EnrollmentFilter) { enrollments(first: 100, filter: $filter) { totalCount nodes { id } } }',
        { filter },
      );
      expect(data.enrollments.nodes).toHaveLength(data.enrollments.totalCount);
      return data.enrollments.totalCount;
    };
    expect(await counts({})).toBe(10);
    expect(await counts({ courseId: courses[3] })).toBe(3);
    expect(await counts({ studentId: students[0] })).toBe(4);
    expect(await counts({ courseId: courses[3], studentId: students[3] })).toBe(0);
    expect(await counts({ status: ['DROPPED', 'COMPLETED'] })).toBe(3);
    expect(await counts({ courseId: courses[4], status: ['ACTIVE'] })).toBe(2);
    expect(await counts({ status: [] })).toBe(0);
    expect(await counts({ courseId: null, studentId: null, status: null })).toBe(10);
  });

  it('a filter of nested enrollments narrows each list and its totalCount', async () => {
    const { data } = await api.send(
      admin,
      `{ courses(filter: { instructorId: ${counted} }) { nodes { dropped: enrollments(filter: { status: [DROPPED] }) { totalCount nodes { status } } own: enrollments(filter: { studentId: ${students[1]} }) { totalCount } other: enrollments(filter: { courseId: ${courses[4]} }) { totalCount } } } }`,
    );
    expect(data.courses.nodes.map(({ dropped }: any) => [dropped.totalCount, dropped.nodes.length])).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
      [1, 1],
      [1, 1],
    ]);
    expect(data.courses.nodes.map(({ own, other }: any) => [own.totalCount, other.totalCount])).toEqual([
      [0, 0],
      [0, 0],
      [1, 0],
      [1, 0],
      [1, 4],
    ]);
  });
});
