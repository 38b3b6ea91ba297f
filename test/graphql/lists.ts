import { expect } from 'vitest';
import type { Answer, Api } from '../support/api.js';

/** A page of a connection as these tests read it. */
export interface FoundPage {
  readonly ids: number[];
  readonly cursors: string[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  readonly startCursor: string | null;
  readonly endCursor: string | null;
}

/** A list that is read page by page: its place in a query and in the answer. */
export interface List {
  readonly query: (connection: string) => string;
  readonly name: string;
  readonly read: (data: any) => any;
}

/** All courses. */
export const courseList: List = {
  name: 'courses',
  query: connection => `{ ${connection} }`,
  read: data => data.courses,
};
/** All enrollments. */
export const enrollmentList: List = {
  name: 'enrollments',
  query: connection => `{ ${connection} }`,
  read: data => data.enrollments,
};

/** Returns the list of the enrollments of some statuses and of one course, by the filter; undefined: of all. */
export function enrollmentsOf(status: readonly string[] | undefined, courseId?: number): List {
  const filter = [
    ...(status ? [`status: [${status.join(', ')}]`] : []),
    ...(courseId === undefined ? [] : [`courseId: ${courseId}`]),
  ];
  return {
    name: 'enrollments',
    query: connection => `{ ${connection.replace('(', `(filter: { ${filter.join(', ')} }, `)} }`,
    read: data => data.enrollments,
  };
}

/** Returns the list of the enrollments under one course. */
export function enrollmentsUnderCourse(id: number): List {
  return {
    name: 'enrollments',
    query: connection => `{ course(id: ${id}) { ${connection} } }`,
    read: data => data.course.enrollments,
  };
}

/** Returns the list of the enrollments under the student of an enrollment. */
export function enrollmentsUnderStudent(enrollment: number): List {
  return {
    name: 'enrollments',
    query: connection => `{ enrollment(id: ${enrollment}) { student { ${connection} } } }`,
    read: data => data.enrollment.student.enrollments,
  };
}

/** Writes arguments in GraphQL; texts are cursors unless they are names in capitals. */
function argumentsOf(args: Record<string, unknown>): string {
  const value = (one: unknown): string => {
    if (typeof one === 'string') return /^[A-Z_]+$/.test(one) ? one : JSON.stringify(one);
    if (typeof one !== 'object' || one === null || Array.isArray(one)) return JSON.stringify(one);
    return `{ ${argumentsOf(one as Record<string, unknown>).slice(1, -1)} }`;
  };
  return `(${Object.entries(args)
    .filter(([, one]) => one !== undefined)
    .map(([name, one]) => `${name}: ${value(one)}`)
    .join(', ')})`;
}

/** A cursor that is sent as a variable, so that all pages of a list are asked for by one document. */
interface CursorVariable {
  readonly argument: 'after' | 'before';
  readonly value: string | null;
}

/** Sends the request for one page. */
export function sendPage(
  api: Api,
  token: string | null,
  { name, query }: List,
  args: Record<string, unknown>,
  cursor?: CursorVariable,
): Promise<Answer> {
  const written = [
    ...(Object.keys(args).length === 0 ? [] : [argumentsOf(args).slice(1, -1)]),
    ...(cursor ? [`${cursor.argument}: $cursor`] : []),
  ];
  const list = written.length === 0 ? name : `${name}(${written.join(', ')})`;
  const selection = query(
    `${list} { nodes { id } edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }`,
  );
  return cursor
    ? api.send(token, `query ($cursor: String) ${selection}`, { cursor: cursor.value })
    : api.send(token, selection);
}

/** Returns one page, and asserts that its nodes, edges and pageInfo agree. */
export async function pageOf(
  api: Api,
  token: string | null,
  list: List,
  args: Record<string, unknown>,
  cursor?: CursorVariable,
): Promise<FoundPage> {
  const { data, errors } = await sendPage(api, token, list, args, cursor);
  expect(errors).toBeUndefined();
  const { nodes, edges, pageInfo } = list.read(data) as {
    nodes: { id: string }[];
    edges: { cursor: string; node: { id: string } }[];
    pageInfo: Omit<FoundPage, 'ids' | 'cursors'>;
  };
  expect(edges.map(({ node }) => node)).toEqual(nodes);
  const cursors = edges.map(edge => edge.cursor);
  expect([pageInfo.startCursor, pageInfo.endCursor]).toEqual([cursors[0] ?? null, cursors.at(-1) ?? null]);
  return { ids: nodes.map(({ id }) => Number(id)), cursors, ...pageInfo };
}

/**
 * Walks through a list page by page, forward or backward, and returns all ids in the list's order; `between` runs after
 * each page.
 */
export async function walk(
  api: Api,
  token: string | null,
  list: List,
  {
    size,
    backward = false,
    orderBy,
    between = async () => {},
  }: { size: number; backward?: boolean; orderBy?: object; between?: (page: FoundPage) => Promise<void> },
): Promise<number[]> {
  const found: number[][] = [];
  let cursor: string | null = null;
  for (;;) {
    const page: FoundPage = await pageOf(
      api,
      token,
      list,
      { ...(backward ? { last: size } : { first: size }), orderBy },
      { argument: backward ? 'before' : 'after', value: cursor },
    );
    found.push(page.ids);
    await between(page);
    if (!(backward ? page.hasPreviousPage : page.hasNextPage)) return (backward ? found.toReversed() : found).flat();
    expect(page.ids).toHaveLength(size);
    cursor = backward ? page.startCursor : page.endCursor;
  }
}
