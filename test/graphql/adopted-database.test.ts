import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deleteWhere, insertMany, updateWhere } from 'mikro-orm-counters';
import { operator } from '../../src/access/viewer.js';
import { openDatabase } from '../../src/database/database.js';
import { Course, Enrollment, Role } from '../../src/entities/index.js';
import { deleteCourse } from '../../src/use-cases/courses.js';
import { exportedEnrollments } from '../../src/tools/export/export-pages.js';
import { writeExport } from '../../src/tools/export/write-export.js';
import { errorCatalogue, type ErrorCode } from '../../src/graphql/errors/error-catalogue.js';
import { adoptedSchool, withAllStatuses, type AdoptedSchool } from '../support/adopted-school.js';
import { startApi, type Answer, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { hasFormOf } from './message-forms.js';
import { djangoCourses, djangoEnrollments, djangoUsers } from '../support/django-tables.js';

/** Two teachers, three students; three courses; statuses as people have typed them, and some that no map names. */
const dirtyRows = [
  djangoUsers([
    { id: 1, role: 'Teacher' },
    { id: 2, role: 'student', firstName: 'Ada', lastName: 'Lovelace' },
    { id: 3, role: 'STUDENT ' },
    { id: 4, role: 'dean' },
  ]),
  djangoCourses([
    { id: 1, title: 'Optics', instructor: 1, status: 'Published', totalEnrollments: 9 },
    { id: 2, title: 'Botany', status: ' draft' },
    { id: 3, title: 'Logic', status: 'on review' },
  ]),
  djangoEnrollments([
    [1, 1, 2, 'Active'],
    [2, 1, 3, 'active '],
    [3, 1, 4, 'paid'],
    [4, 3, 2, 'COMPLETED'],
  ]),
  'insert into core_payment (id, amount, course_id, user_id) values (1, 9.50, 3, 2)',
];

const LISTS = `query ($id: ID!) {
  course(id: $id) {
    totalEnrollments activeEnrollments
    all: enrollmentsCount(limit: null) { count }
    active: enrollmentsCount(status: [ACTIVE]) { count }
    enrollments(first: 10) { totalCount nodes { id status student { name } } }
    named: enrollments(first: 10, filter: { status: [ACTIVE, COMPLETED, DROPPED, SUSPENDED] }) { totalCount nodes { id } }
    others: enrollments(first: 10, filter: { status: [COMPLETED, DROPPED, SUSPENDED] }) { totalCount nodes { id } }
  }
}`;

describeOnEach("a server on another application's database", kind => {
  let school: AdoptedSchool;
  let api: Api;
  let admin: string;
  let repaired: Answer;

  beforeAll(async () => {
    school = await adoptedSchool(kind, dirtyRows, withAllStatuses);
    api = await startApi(kind, { place: school });
    admin = await api.token(Role.ADMIN, null);
    repaired = await ask('mutation { recountEnrollments { run { checked repaired } userErrors { message } } }');
  });
  afterAll(() => api.stop());

  /** Sends an operation as an admin; the message of each error has a form of its code. */
  const ask = async (query: string, variables: object = {}): Promise<Answer> => {
    const answer = await api.send(admin, query, variables);
    for (const { message, extensions } of answer.errors ?? [])
      expect([message, hasFormOf(errorCatalogue[extensions.code as ErrorCode], message)]).toEqual([message, true]);
    return answer;
  };
  const read = <Row extends object = Record<string, unknown>>(sql: string): Promise<Row[]> =>
    school.database.em.fork().execute<Row[]>(sql);
  const counts = () =>
    read(
      'select id, total_enrollments as t, rollcall_active_enrollments as a from core_course where id < 4 order by id',
    );
  /** Runs a mutation that succeeds, and returns its payload. */
  const change = async (field: string, input: object): Promise<Record<string, any>> => {
    const type = `${field[0]!.toUpperCase()}${field.slice(1)}Input!`;
    const kept = /^(?:delete|unenroll)/.test(field)
      ? 'userErrors { code message }'
      : `${/course/i.test(field) ? 'course' : 'enrollment'} { id status } userErrors { code message }`;
    const { data, errors } = await ask(`mutation ($input: ${type}) { ${field}(input: $input) { ${kept} } }`, { input });
    return errors ? { errors: errors.map(({ message, extensions }) => `${extensions.code}: ${message}`) } : data[field];
  };

  it("a server on another application's database repairs the stored counts", async () => {
    expect(repaired.data.recountEnrollments).toEqual({ run: { checked: 3, repaired: 2 }, userErrors: [] });
    expect(await counts()).toEqual([
      { id: 1, t: 3, a: 2 },
      { id: 2, t: 0, a: 0 },
      { id: 3, t: 1, a: 0 },
    ]);
    const verified = await ask('mutation { verifyEnrollmentCounts { checked driftCount ok } }');
    expect(verified.data.verifyEnrollmentCounts).toEqual({ checked: 3, driftCount: 0, ok: true });
  });

  it("a server on another application's database compares statuses alike when it lists, counts and stores", async () => {
    const { data, errors } = await ask(LISTS, { id: '1' });
    expect(data.course).toEqual({
      totalEnrollments: 3,
      activeEnrollments: 2,
      all: { count: 3 },
      active: { count: 2 },
      enrollments: {
        totalCount: 3,
        nodes: [
          { id: '1', status: 'ACTIVE', student: { name: 'Ada Lovelace' } },
          { id: '2', status: 'ACTIVE', student: { name: 'user3' } },
          { id: '3', status: null, student: { name: 'user4' } },
        ],
      },
      named: { totalCount: 2, nodes: [{ id: '1' }, { id: '2' }] },
      others: { totalCount: 0, nodes: [] },
    });
    expect(errors).toEqual([
      expect.objectContaining({
        message:
          'The status of enrollment 3 is "paid" in the database of another application, and the map does not name it. An operator must add it to the map.',
        path: ['course', 'enrollments', 'nodes', 2, 'status'],
        extensions: { code: 'UNKNOWN_VALUE' },
      }),
    ]);
  });

  it("a server on another application's database answers with an error for the one field of the one row whose value no map names", async () => {
    const { data, errors } = await ask(
      '{ courses(first: 10) { nodes { id title status } } course(id: 1) { enrollmentsByStatus { count } enrollments(first: 9) { nodes { student { role } } } } }',
    );
    expect(data.courses.nodes).toEqual([
      { id: '1', title: 'Optics', status: 'ACTIVE' },
      { id: '2', title: 'Botany', status: 'DRAFT' },
      { id: '3', title: 'Logic', status: null },
    ]);
    expect(
      Object.fromEntries(
        errors!.map(({ message, path, extensions }) => [path!.join('.'), `${extensions.code}: ${message}`]),
      ),
    ).toEqual({
      'course.enrollmentsByStatus':
        'UNKNOWN_VALUE: Course 1 has enrollments with a status that the map does not name: "paid" 1. An operator must add it to the map.',
      'course.enrollments.nodes.2.student.role': expect.stringContaining(
        'UNKNOWN_VALUE: The role of user 4 is "dean" in',
      ),
      'courses.nodes.2.status': expect.stringContaining('UNKNOWN_VALUE: The status of course 3 is "on review" in'),
    });
  });

  it("a server on another application's database changes enrollments with their values, and no other column", async () => {
    const before = await read(
      'select id, status, progress, enrolled_at from core_enrollments where id < 4 order by id',
    );
    const enrolled = await change('enroll', { courseId: '2', studentId: '2' });
    expect(enrolled).toEqual({ enrollment: { id: expect.any(String), status: 'ACTIVE' }, userErrors: [] });
    const id = enrolled['enrollment'].id as string;
    expect(await read(`select status, progress, certificate_issued from core_enrollments where id = ${id}`)).toEqual([
      { status: 'active', progress: expect.anything(), certificate_issued: kind === 'postgresql' ? false : 0 },
    ]);
    expect(await counts()).toContainEqual({ id: 2, t: 1, a: 1 });
    expect(await change('setEnrollmentStatus', { enrollmentId: id, status: 'COMPLETED' })).toMatchObject({
      enrollment: { id, status: 'COMPLETED' },
    });
    expect(await read(`select status from core_enrollments where id = ${id}`)).toEqual([{ status: 'Completed' }]);
    expect(await counts()).toContainEqual({ id: 2, t: 1, a: 0 });
    expect(await change('setEnrollmentStatus', { enrollmentId: id, status: 'SUSPENDED' })).toEqual({
      errors: ['NOT_WRITABLE: status cannot become SUSPENDED: the map has no value of core_enrollments.status for it.'],
    });
    expect(await change('transferEnrollment', { enrollmentId: id, courseId: '3' })).toMatchObject({
      userErrors: [{ code: 'ALREADY_ENROLLED' }],
    });
    expect(await change('transferEnrollment', { enrollmentId: '2', courseId: '2' })).toMatchObject({ userErrors: [] });
    expect(await counts()).toEqual([
      { id: 1, t: 2, a: 1 },
      { id: 2, t: 2, a: 1 },
      { id: 3, t: 1, a: 0 },
    ]);
    expect(await change('unenroll', { enrollmentId: id })).toEqual({ userErrors: [] });
    expect(await change('transferEnrollment', { enrollmentId: '2', courseId: '1' })).toMatchObject({ userErrors: [] });
    expect(
      await read('select id, status, progress, enrolled_at from core_enrollments where id < 4 order by id'),
    ).toEqual(before);
    expect(await counts()).toContainEqual({ id: 2, t: 0, a: 0 });
  });

  it("a server on another application's database adds courses with what their other columns need, and leaves people to the other application", async () => {
    const created = await change('createCourse', { title: 'Zürich: Maß & Zahl', status: 'ACTIVE', isPublished: true });
    expect(created).toEqual({ course: { id: expect.any(String), status: 'ACTIVE' }, userErrors: [] });
    const id = created['course'].id as string;
    expect(await read(`select title, slug, description, status, level from core_course where id = ${id}`)).toEqual([
      {
        title: 'Zürich: Maß & Zahl',
        slug: `zuerich-mass-and-zahl-${id}`,
        description: '',
        status: 'published',
        level: 'beginner',
      },
    ]);
    expect(await change('updateCourse', { id, description: null, capacity: 5 })).toMatchObject({ userErrors: [] });
    expect(await change('updateCourse', { id, status: 'ARCHIVED' })).toEqual({
      errors: ['NOT_WRITABLE: status cannot become ARCHIVED: the map has no value of core_course.status for it.'],
    });
    expect(await change('deleteCourse', { id })).toEqual({ userErrors: [] });
    const { errors } = await ask(
      'mutation { createUser(input: { name: "Eve", email: "eve@school.example" }) { user { id } } }',
    );
    expect(errors).toEqual([
      expect.objectContaining({
        message: 'The rows of core_user belong to another application, by the map of this database. Change them there.',
        extensions: { code: 'NOT_WRITABLE' },
      }),
    ]);
  });

  it('fills each of many new rows with what the map says, also with the keys that they get', async () => {
    const map = structuredClone(school.map);
    map.enrollments.fill = { ...map.enrollments.fill, status: { template: 'seat {id}' } };
    map.enrollments.columns.status = { value: 'ACTIVE' };
    const other = await openDatabase(school.url, 'hooks', map);
    const em = other.em.fork();
    await em.begin();
    await insertMany(em, Enrollment, [
      { course: 2, student: 3 },
      { course: 2, student: 4 },
    ]);
    const rows = await em.execute<{ id: number; status: string }[]>(
      'select id, status from core_enrollments where course_id = 2 order by id',
    );
    await em.rollback();
    await other.close(true);
    expect(rows).toEqual(rows.map(({ id }) => ({ id, status: `seat ${id}` })));
    expect(rows).toHaveLength(2);
  });

  it("a server on another application's database leaves rows to the other application, whatever the way to write them", async () => {
    const map = structuredClone(school.map);
    map.enrollments.readOnly = true;
    const other = await openDatabase(school.url, 'hooks', map);
    const em = other.em.fork();
    const belongs = 'The rows of core_enrollments belong to another application';
    await expect(deleteCourse(other, operator, { id: 1 })).rejects.toThrow(belongs);
    await expect(deleteWhere(em, Enrollment, { course: 1 })).rejects.toThrow(belongs);
    await expect(insertMany(em, Enrollment, [{ course: 2, student: 3 }])).rejects.toThrow(belongs);
    await expect(updateWhere(em, Enrollment, { course: 1 }, { updatedAt: new Date() })).rejects.toThrow(belongs);
    expect(() => em.createQueryBuilder(Enrollment).update({ updatedAt: new Date() })).toThrow(belongs);
    expect(() => em.createQueryBuilder(Course).insert({ title: 'Optics' })).toThrow(
      'The rows of core_course cannot be written all at once',
    );
    expect(await other.em.fork().count(Enrollment)).toBe(4);
    await other.close(true);
  });

  it("another application's database is exported with its own values", async () => {
    let text = '';
    const write = (part: string): Promise<void> => Promise.resolve(void (text += part));
    await writeExport(school.database, operator, exportedEnrollments('id'), write, { format: 'csv' });
    expect(text).toMatch(/^1,4,paid,/m);
  });

  it("a server on another application's database deletes nothing to which a table of theirs refers", async () => {
    expect(await change('deleteCourse', { id: '3' })).toEqual({
      userErrors: [
        {
          code: 'IN_USE',
          message: 'Course 3 is in use: another table of the database refers to it. Remove what refers to it first.',
        },
      ],
    });
    expect(await counts()).toContainEqual({ id: 3, t: 1, a: 0 });
  });
});

describe('a student who is in a course several times', () => {
  it('a student who is in a course several times is listed as often as counted', async ({ onTestFinished }) => {
    const rows = [
      djangoUsers([{ id: 1 }, { id: 2 }]),
      djangoCourses([{ id: 1 }, { id: 2 }]),
      djangoEnrollments([
        [1, 1, 1],
        [2, 1, 1],
        [3, 1, 1],
        [4, 2, 1],
        [5, 2, 2],
      ]),
    ];
    const school = await adoptedSchool('sqlite', rows, withAllStatuses, { uniquePair: false });
    const api = await startApi('sqlite', { place: school });
    onTestFinished(() => api.stop());
    const admin = await api.token(Role.ADMIN, null);
    await api.send(admin, 'mutation { recountEnrollments { run { id } } }');
    const { data, errors } = await api.send(
      admin,
      '{ courses(first: 5) { nodes { enrollments(first: 5, filter: { studentId: 1 }) { totalCount nodes { id } } } } }',
    );
    expect(errors).toBeUndefined();
    expect(data.courses.nodes).toEqual([
      { enrollments: { totalCount: 3, nodes: [{ id: '1' }, { id: '2' }, { id: '3' }] } },
      { enrollments: { totalCount: 1, nodes: [{ id: '4' }] } },
    ]);
  });
});
