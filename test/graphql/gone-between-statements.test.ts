import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../src/database/database.js';
import { Role } from '../../src/entities/index.js';
import { deleteCourse } from '../../src/use-cases/courses.js';
import { deleteUser } from '../../src/use-cases/users.js';
import { addCourse, addEnrollment, addUser, startApi, type Api } from '../support/api.js';
import { beforeStatement } from '../support/between-statements.js';
import { describeOnEach, strategy } from '../support/databases.js';
import { expectExactCounts } from '../support/rows.js';

/** The statements that read the courses and the users of rows. */
const COURSES = /^select .id., .title. from .core_course. where .id. in \(/;
const USERS = /^select .id., .name. from .core_user. where .id. in \(/;

const operator = { role: Role.ADMIN, userId: null };

describeOnEach('rows that are deleted while an answer is read', kind => {
  let api: Api;
  let other: Database;
  let admin: string;
  let [goes, stays, student, leaver]: number[] = [];
  let [gone, left, kept]: number[] = [];

  beforeAll(async () => {
    api = await startApi(kind);
    other = await openDatabase(api.databaseUrl, strategy);
    admin = await api.token(Role.ADMIN, null);
  });
  beforeEach(async () => {
    [goes, stays] = [await addCourse(api.database), await addCourse(api.database)];
    [student, leaver] = [await addUser(api.database, Role.STUDENT), await addUser(api.database, Role.STUDENT)];
    // The course deletes the first, the user the second.
    gone = await addEnrollment(api.database, goes, student);
    left = await addEnrollment(api.database, stays, leaver);
    kept = await addEnrollment(api.database, stays, student);
  });
  afterEach(async () => {
    await expectExactCounts(api.database);
    await api.database.em.getConnection().execute('delete from core_enrollments');
    await api.database.em.getConnection().execute('delete from core_course');
  });
  afterAll(async () => {
    await other.close(true);
    await api.stop();
  });

  const courseGoes = () => deleteCourse(other, operator, { id: goes! });
  const userGoes = () => deleteUser(other, operator, { id: leaver! });
  const ids = (rows: { id: string }[]) => rows.map(({ id }) => Number(id));

  /** Sends a query while something is deleted between reading the rows and what they refer to. */
  async function askWhile(
    statement: RegExp,
    work: () => Promise<unknown>,
    query: string,
    { token = admin, variables = {} } = {},
  ) {
    const between = beforeStatement(api.database, statement, work);
    const { data, errors } = await api.send(token, query, variables);
    expect([errors, between.done]).toEqual([undefined, true]);
    return data;
  }

  it('a page leaves out an enrollment whose course or user is deleted meanwhile, and the pages before and after it do not change', async () => {
    const query = (after: string | null, part: string) =>
      `{ enrollments(first: 1, orderBy: { field: ID, direction: ASC }${after === null ? '' : `, after: "${after}"`}) { pageInfo { hasNextPage endCursor } ${part} } }`;
    const { enrollments: first } = await askWhile(COURSES, courseGoes, query(null, 'nodes { id course { id title } }'));
    expect([first.nodes, first.pageInfo.hasNextPage]).toEqual([[], true]);
    const { enrollments: second } = await askWhile(
      USERS,
      userGoes,
      query(first.pageInfo.endCursor, 'edges { cursor node { id student { name } } }'),
    );
    expect([second.edges, second.pageInfo.hasNextPage]).toEqual([[], true]);
    const { data } = await api.send(
      admin,
      query(second.pageInfo.endCursor, 'nodes { id course { id } student { id } }'),
    );
    expect([data.enrollments.nodes, data.enrollments.pageInfo.hasNextPage]).toEqual([
      [{ id: String(kept), course: { id: String(stays) }, student: { id: String(student) } }],
      false,
    ]);
  });

  it('the lists under courses and users leave out rows that are deleted meanwhile, whatever fragments select them', async () => {
    const ofCourse = await askWhile(
      USERS,
      userGoes,
      `query ($all: Boolean!) { courses(filter: { ids: [${goes}, ${stays}] }) { nodes { enrollments { edges { ... @include(if: $all) { node { ...E } } } } } } } fragment E on Enrollment { id ... on Enrollment { who: student { name } } }`,
      { variables: { all: true } },
    );
    expect(ids(ofCourse.courses.nodes[1].enrollments.edges.map(({ node }: { node: { id: string } }) => node))).toEqual([
      kept,
    ]);
    const ofUser = await askWhile(COURSES, courseGoes, '{ me { enrollments { nodes { id course { title } } } } }', {
      token: await api.token(Role.STUDENT, student!),
    });
    expect(ids(ofUser.me.enrollments.nodes)).toEqual([kept]);
  });

  it('a single enrollment that is deleted meanwhile is null', async () => {
    expect(await askWhile(COURSES, courseGoes, `{ enrollment(id: ${gone}) { course { title } } }`)).toEqual({
      enrollment: null,
    });
    expect(await askWhile(USERS, userGoes, `{ enrollment(id: ${left}) { student { name } } }`)).toEqual({
      enrollment: null,
    });
  });

  it('the viewer’s own enrollment is null in a course when it is deleted after the course was read', async () => {
    const viewers = /from .core_enrollments. where .student_id. = /;
    const loads = beforeStatement(api.database, viewers, () =>
      Promise.resolve(beforeStatement(api.database, COURSES, () => deleteCourse(other, operator, { id: stays! }))),
    );
    const { data, errors } = await api.send(
      await api.token(Role.STUDENT, student!),
      `{ courses(filter: { ids: [${stays}] }) { nodes { id viewerEnrollment { id course { title } } } } }`,
    );
    expect([errors, loads.done, data]).toEqual([
      undefined,
      true,
      { courses: { nodes: [{ id: String(stays), viewerEnrollment: null }] } },
    ]);
  });

  it('a mutation leaves out rows that are deleted before its answer, and its change is saved and reported as saved', async () => {
    const set = await askWhile(
      COURSES,
      courseGoes,
      `mutation { setEnrollmentStatus(input: { enrollmentId: ${gone}, status: DROPPED }) { enrollment { course { title } } course { id } userErrors { code } } }`,
    );
    expect(set).toEqual({ setEnrollmentStatus: { enrollment: null, course: null, userErrors: [] } });
    const newcomer = await addUser(api.database, Role.STUDENT);
    const many = await askWhile(
      USERS,
      () => deleteUser(other, operator, { id: newcomer }),
      `mutation { enrollMany(input: { courseId: ${stays}, studentIds: [${newcomer}] }) { enrollments { id student { name } } userErrors { code } } }`,
    );
    expect(many).toEqual({ enrollMany: { enrollments: [], userErrors: [] } });
  });

  it('a verify leaves out the drift of a course that is deleted meanwhile, and the changes of a run show it as null', async () => {
    await api.database.em
      .getConnection()
      .execute(`update core_course set total_enrollments = 7 where id in (${goes}, ${stays})`, [], 'run');
    const verified = await askWhile(
      COURSES,
      courseGoes,
      'mutation { verifyEnrollmentCounts { ok driftCount drifts { counter course { id title } } } }',
    );
    expect(verified.verifyEnrollmentCounts).toEqual({
      ok: false,
      driftCount: 1,
      drifts: [{ counter: 'Course.totalEnrollments', course: { id: String(stays), title: expect.any(String) } }],
    });
    const recounted = await askWhile(
      COURSES,
      () => deleteCourse(other, operator, { id: stays! }),
      `mutation { recountEnrollments(input: { courseIds: [${stays}] }) { run { repaired changes { nodes { courseId course { id title } } } } } }`,
    );
    expect(recounted.recountEnrollments.run).toEqual({
      repaired: 1,
      changes: { nodes: [{ courseId: String(stays), course: null }] },
    });
  });
});

describeOnEach('24 simultaneous pages of enrollments beside deletions of courses', kind => {
  let api: Api;
  beforeAll(async () => {
    api = await startApi(kind);
  });
  afterAll(() => api.stop());

  it('simultaneous pages of enrollments are answered without an error while courses are deleted', async () => {
    const admin = await api.token(Role.ADMIN, null);
    const students = [
      await addUser(api.database, Role.STUDENT),
      await addUser(api.database, Role.STUDENT),
      await addUser(api.database, Role.STUDENT),
    ];
    const courses: number[] = [];
    for (let count = 0; count < 5; count += 1) {
      const course = await addCourse(api.database);
      for (const student of students) await addEnrollment(api.database, course, student);
      courses.push(course);
    }
    for (const course of courses) {
      const pages = Promise.all(
        Array.from({ length: 24 }, () =>
          api.send(admin, '{ enrollments(first: 100) { nodes { course { id } student { id } } } }'),
        ),
      );
      const deleted = await api.send(admin, `mutation { deleteCourse(input: { id: ${course} }) { deletedId } }`);
      expect(deleted.data).toEqual({ deleteCourse: { deletedId: String(course) } });
      for (const { status, errors } of await pages) expect([status, errors]).toEqual([200, undefined]);
    }
    await expectExactCounts(api.database);
  });
});
