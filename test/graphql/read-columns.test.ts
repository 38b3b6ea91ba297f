import { afterAll, beforeAll, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { addUser, startApi, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { addCourses, addEnrollments, addUsers } from '../support/rows.js';

describeOnEach('the statements of a read', kind => {
  let api: Api;
  let token: string;
  let courses: number[];

  beforeAll(async () => {
    api = await startApi(kind);
    const { database } = api;
    const [teacher] = await addUsers(database, Role.TEACHER, 1);
    const students = await addUsers(database, Role.STUDENT, 3);
    courses = await addCourses(
      database,
      Array.from({ length: 4 }, () => ({ instructor: teacher! })),
    );
    await addEnrollments(
      database,
      courses.flatMap(course => students.map(student => ({ course, student }))),
    );
    token = await api.token(Role.ADMIN, await addUser(database, Role.ADMIN));
  });
  afterAll(() => api.stop());

  /** Returns the statements of a query as they are sent, without quotes around names. */
  async function statementsFor(query: string, variables: object = {}): Promise<string[]> {
    const statements = await api.statements(async () => {
      expect((await api.send(token, query, variables)).errors).toBeUndefined();
    });
    return statements.map(sql => sql.replaceAll(/[`"]/g, ''));
  }

  /** Returns the columns of each statement of a query, by the table. */
  async function columnsFor(query: string, variables: object = {}): Promise<string[]> {
    return (await statementsFor(query, variables)).map(sql => {
      const [, columns, table] = /^select (?:\/\*.*?\*\/ )?(.*?) from (\w+)/.exec(sql)!;
      return `${table}: ${columns}`;
    });
  }

  it.each([
    [
      'its selected fields',
      '{ courses { nodes { title totalEnrollments } } }',
      ['core_course: id, title, total_enrollments'],
    ],
    [
      'a fragment',
      'query { courses { edges { node { ...F } } } } fragment F on Course { status }',
      ['core_course: id, status'],
    ],
    ['its order', '{ courses(orderBy: { field: TITLE }) { nodes { status } } }', ['core_course: id, status, title']],
    ['the key alone', '{ courses { pageInfo { endCursor } } }', ['core_course: id']],
    [
      'a relation',
      '{ courses { nodes { instructor { name } } } }',
      ['core_course: id, instructor_id', 'core_user: id, name'],
    ],
  ])('a page of courses reads only the columns of %s', async (_, query, columns) => {
    expect(await columnsFor(query)).toEqual(columns);
  });

  it('a course with its teacher and its enrollments reads only the columns of selected fields, in two statements', async () => {
    const query =
      'query ($id: ID!) { course(id: $id) { title instructor { name } enrollments(first: 20) { nodes { status student { name } } } } }';
    const statements = await statementsFor(query, { id: String(courses[0]) });
    const users = 'core_user.id as joined_id, core_user.name as joined_name';
    expect(statements.map(sql => sql.replaceAll(/\/\*.*?\*\/ /g, ''))).toEqual([
      expect.stringContaining(`select referring.*, ${users} from (select id, title, instructor_id from core_course `),
      expect.stringMatching(
        new RegExp(`^select referring\\.\\*, ${users} from \\(select id, student_id, status from `),
      ),
    ]);
  });

  it('a page of courses is not counted unless totalCount is selected', async () => {
    expect(await statementsFor('{ courses { nodes { id } } }')).toHaveLength(1);
    expect(await statementsFor('{ courses { totalCount nodes { id } } }')).toHaveLength(2);
  });

  it.each([
    [
      'page of courses',
      'query ($id: ID!, $after: String) { course(id: $id) { id } courses(first: 2, after: $after) { nodes { id } } }',
    ],
    [
      'course page',
      'query ($id: ID!) { course(id: $id) { instructor { id } enrollments(first: 2) { nodes { student { name } } } } }',
    ],
    ['computed count', 'query ($id: ID!) { course(id: $id) { enrollmentsCount(limit: null) { count } } }'],
  ])('every %s has statements of the same text, whatever its values', async (_, query) => {
    const { data } = await api.send(token, '{ courses { edges { cursor } } }');
    const [one, other] = [0, 1].map(index => ({
      id: String(courses[index]),
      after: data.courses.edges[index].cursor as string,
    }));
    expect(await statementsFor(query, other)).toEqual(await statementsFor(query, one));
  });
});
