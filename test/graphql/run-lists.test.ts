import { afterAll, beforeAll, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { startUndo, workOn, type Run } from '../../src/recounts/index.js';
import { startApi, type Answer, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { addFullCourses, breakTotals, operator, recountAll, valueOf, write } from '../support/drift.js';

const COURSES = 5;

describeOnEach('runs through the API', kind => {
  let api: Api;
  let admin: string;
  let courses: number[];
  /** The runs, newest first: the undoing of the one after it, two recounts of all courses, and one of two courses. */
  let runs: Run[];

  beforeAll(async () => {
    api = await startApi(kind);
    admin = await api.token(Role.ADMIN, null);
    courses = await addFullCourses(api.database, COURSES);
    for (const scope of [courses.slice(0, 2), courses, courses]) {
      await breakTotals(api.database, scope);
      runs = [await recountAll(api.database, { courseIds: scope.length === COURSES ? null : scope }), ...(runs ?? [])];
    }
    const { id } = runs[0]!;
    runs = [await workOn(api.database, valueOf(await startUndo(api.database, operator, { id }))), ...runs];
  });
  afterAll(() => api.stop());

  async function shown(query: string, variables: object = {}): Promise<Answer['data']> {
    const { data, errors } = await api.send(admin, query, variables);
    expect(errors).toBeUndefined();
    return data;
  }
  const idsOf = (some: readonly { id: number }[]): string[] => some.map(({ id }) => String(id));

  it('runs through the API are listed newest first, page by page, forward and backward', async () => {
    const page =
      'totalCount nodes { id } edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }';
    const { recountRuns: one } = await shown(`{ recountRuns(first: 3) { ${page} } }`);
    expect([one.totalCount, one.nodes.map(({ id }: { id: string }) => id)]).toEqual([4, idsOf(runs.slice(0, 3))]);
    expect(one.edges.map(({ node }: { node: object }) => node)).toEqual(one.nodes);
    expect(one.pageInfo).toEqual({
      hasNextPage: true,
      hasPreviousPage: false,
      startCursor: one.edges[0].cursor,
      endCursor: one.edges[2].cursor,
    });
    const { recountRuns: two } = await shown(
      `query ($after: String) { recountRuns(first: 3, after: $after) { ${page} } }`,
      { after: one.pageInfo.endCursor },
    );
    expect([two.nodes, two.pageInfo.hasNextPage]).toEqual([[{ id: String(runs[3]!.id) }], false]);
    const { recountRuns: back } = await shown(
      `query ($before: String) { recountRuns(last: 2, before: $before) { ${page} } }`,
      { before: one.edges[2].cursor },
    );
    expect(back.nodes).toEqual(one.nodes.slice(0, 2));
  });

  it('a run that undoes another names it', async () => {
    const { recountRuns } = await shown('{ recountRuns { nodes { kind undoneRun { id kind undoneRun { id } } } } }');
    expect(recountRuns.nodes[0]).toEqual({
      kind: 'UNDO',
      undoneRun: { id: String(runs[1]!.id), kind: 'RECOUNT', undoneRun: null },
    });
    expect(recountRuns.nodes.slice(1)).toEqual(Array.from({ length: 3 }, () => ({ kind: 'RECOUNT', undoneRun: null })));
  });

  it('a list of runs takes one statement for each kind of row under them, whatever its size', async () => {
    const query = (first: number): string =>
      `{ recountRuns(first: ${first}) { nodes { undoneRun { id } changes(first: 3) { totalCount nodes { courseId course { id totalEnrollments } } } } } }`;
    // The runs, those that they undo, their changes, the counts of these, and the courses.
    for (const first of [1, 4]) expect(await api.statements(() => shown(query(first)))).toHaveLength(5);
    const { recountRuns } = await shown(query(4));
    expect(
      recountRuns.nodes.map((run: Answer['data']) => [
        run.changes.totalCount,
        run.changes.nodes.map(({ course }: Answer['data']) => course.id),
      ]),
    ).toEqual([
      [5, idsOf(courses.slice(0, 3).map(id => ({ id })))],
      [5, idsOf(courses.slice(0, 3).map(id => ({ id })))],
      [5, idsOf(courses.slice(0, 3).map(id => ({ id })))],
      [2, idsOf(courses.slice(0, 2).map(id => ({ id })))],
    ]);
  });

  it('a run lists its changes forward and backward', async () => {
    const { recountRun } = await shown(
      'query ($id: ID!) { recountRun(id: $id) { last: changes(last: 2) { nodes { courseId } edges { cursor } } all: changes { edges { cursor } } } }',
      { id: String(runs[1]!.id) },
    );
    expect(recountRun.last.nodes).toEqual(courses.slice(3).map(id => ({ courseId: String(id) })));
    expect(recountRun.last.edges).toEqual(recountRun.all.edges.slice(3));
  });

  it('a run keeps the changes of a deleted course, without the course', async () => {
    await write(api.database, `delete from core_enrollments where course_id = ${courses[0]}`);
    await write(api.database, `delete from core_course where id = ${courses[0]}`);
    const { recountRun } = await shown(
      'query ($id: ID!) { recountRun(id: $id) { changes(first: 1) { nodes { counter courseId course { id } before after } } } }',
      { id: String(runs[1]!.id) },
    );
    expect(recountRun.changes.nodes).toEqual([
      { counter: 'Course.totalEnrollments', courseId: String(courses[0]), course: null, before: 9, after: 3 },
    ]);
  });

  it.each([
    ['recountRuns(first: -1) { totalCount }', 'first'],
    ['recountRuns(first: 101) { totalCount }', 'first'],
    ['recountRuns(after: "x") { totalCount }', 'after'],
    ['recountRuns(first: 1, last: 1) { totalCount }', 'first, last'],
  ])('an invalid page of runs is rejected with BAD_USER_INPUT: %s', async (field, argument) => {
    const { errors } = await api.send(admin, `{ ${field} }`);
    expect(errors?.map(({ extensions }) => extensions)).toEqual([{ code: 'BAD_USER_INPUT', argument }]);
  });
});
