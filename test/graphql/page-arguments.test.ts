import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crc32 } from 'node:zlib';
import { Role } from '../../src/entities/index.js';
import { startApi, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { addCourses, addEnrollments, addUsers } from '../support/rows.js';
import {
  courseList,
  enrollmentList,
  enrollmentsUnderCourse,
  enrollmentsUnderStudent,
  pageOf,
  sendPage,
  type List,
} from './lists.js';

/** Returns a forged cursor with a valid checksum. */
function forged(content: unknown): string {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  return Buffer.from(crc32(text).toString(16).padStart(8, '0') + text).toString('base64url');
}

/** Arguments, where `c1` … `c5` stand for the cursors of five rows; then the rows of the page and its flags. */
const pages: [Record<string, unknown>, string, { next: boolean; previous: boolean }][] = [
  [{}, '12345', { next: false, previous: false }],
  [{ first: 5 }, '12345', { next: false, previous: false }],
  [{ first: 4 }, '1234', { next: true, previous: false }],
  [{ first: 1 }, '1', { next: true, previous: false }],
  [{ first: 0 }, '', { next: true, previous: false }],
  [{ first: 2, after: 'c2' }, '34', { next: true, previous: true }],
  [{ first: 2, after: 'c3' }, '45', { next: false, previous: true }],
  [{ first: 2, after: 'c4' }, '5', { next: false, previous: true }],
  [{ first: 2, after: 'c5' }, '', { next: false, previous: true }],
  [{ after: 'c2' }, '345', { next: false, previous: true }],
  [{ before: 'c3' }, '12', { next: false, previous: false }],
  [{ first: 1, before: 'c3' }, '1', { next: true, previous: false }],
  [{ first: 10, after: 'c1', before: 'c5' }, '234', { next: false, previous: true }],
  [{ first: 1, after: 'c1', before: 'c5' }, '2', { next: true, previous: true }],
  [{ after: 'c3', before: 'c2' }, '', { next: false, previous: true }],
  [{ after: 'c3', before: 'c3' }, '', { next: false, previous: true }],
  [{ last: 5 }, '12345', { next: false, previous: false }],
  [{ last: 2 }, '45', { next: false, previous: true }],
  [{ last: 0 }, '', { next: false, previous: true }],
  [{ last: 2, before: 'c4' }, '23', { next: true, previous: true }],
  [{ last: 2, before: 'c3' }, '12', { next: true, previous: false }],
  [{ last: 2, before: 'c1' }, '', { next: true, previous: false }],
  [{ last: 2, after: 'c3' }, '45', { next: false, previous: false }],
  [{ last: 1, after: 'c1', before: 'c5' }, '4', { next: true, previous: true }],
  [{ first: 2, last: null }, '12', { next: true, previous: false }],
  [{ first: null, last: 2, after: null }, '45', { next: false, previous: true }],
  [{ first: 100 }, '12345', { next: false, previous: false }],
  [{ last: 100 }, '12345', { next: false, previous: false }],
];

/**
 * Arguments with forged cursors, where a function returns one of the list; then the argument that is named. Other bad
 * cursors are tested in bad-input.test.ts.
 */
const mistakes: [string, Record<string, unknown>, string][] = [
  ['a cursor that holds something else', { before: forged({ id: 1 }) }, 'before'],
  ['a cursor with too little in it', { after: (of: string) => forged([of, 'ID', 1]) }, 'after'],
  ['a cursor with a broken id', { after: (of: string) => forged([of, 'ID', 1, '1; drop table core_user']) }, 'after'],
  ['a cursor with a fraction', { after: (of: string) => forged([of, 'ID', 1.5, 1.5]) }, 'after'],
  ['a cursor with a list in it', { after: (of: string) => forged([of, 'ID', [1], 1]) }, 'after'],
  ['a cursor of another order', { after: (of: string) => forged([of, 'TITLE', 'a', 1]) }, 'after'],
  ['a cursor of an order that there is not', { after: (of: string) => forged([of, '__proto__', 'a', 1]) }, 'after'],
  [
    'a cursor of an order with a huge name',
    { after: (of: string) => forged([of, 'X'.repeat(50_000), 'a', 1]) },
    'after',
  ],
  ['a cursor with a text for an id', { after: (of: string) => forged([of, 'ID', 'abc', 1]) }, 'after'],
  ['a cursor with half of JSON in it', { after: forged('["courses","ID",1') }, 'after'],
  ['a cursor of another list', { after: forged(['changes', 'ID', 1, 1]) }, 'after'],
  ['a cursor without its checksum', { after: Buffer.from('["courses","ID",1,1]').toString('base64url') }, 'after'],
  ['a huge cursor', { after: (of: string) => forged([of, 'ID', 'x'.repeat(50_000), 1]) }, 'after'],
];

describeOnEach('a page', kind => {
  let api: Api;
  let admin: string;
  const lists: Record<string, { list: List; ids: number[] }> = {};

  beforeAll(async () => {
    api = await startApi(kind);
    admin = await api.token(Role.ADMIN, null);
    const students = await addUsers(api.database, Role.STUDENT, 5);
    const courses = await addCourses(
      api.database,
      Array.from({ length: 5 }, () => ({})),
    );
    const enrollments = await addEnrollments(api.database, [
      ...students.map(student => ({ course: courses[0]!, student })),
      ...courses.slice(1).map(course => ({ course, student: students[0]! })),
    ]);
    lists['courses'] = { list: courseList, ids: courses };
    lists['enrollments of a course'] = { list: enrollmentsUnderCourse(courses[0]!), ids: enrollments.slice(0, 5) };
    lists['enrollments of a student'] = {
      list: enrollmentsUnderStudent(enrollments[0]!),
      ids: [enrollments[0]!, ...enrollments.slice(5)],
    };
    lists['enrollments'] = { list: enrollmentList, ids: enrollments };
  });
  afterAll(() => api.stop());

  describe.each(['courses', 'enrollments of a course', 'enrollments of a student'])('of %s', name => {
    it.each(pages)('a page with %j has the rows %j and the flags %j', async (args, rows, { next, previous }) => {
      const { list, ids } = lists[name]!;
      const { cursors } = await pageOf(api, admin, list, {});
      const filled = Object.fromEntries(
        Object.entries(args).map(([key, value]) => [
          key,
          /^c\d$/.test(String(value)) ? cursors[Number(String(value)[1]) - 1] : value,
        ]),
      );
      const page = await pageOf(api, admin, list, filled);
      expect(page.ids.map(id => ids.indexOf(id) + 1).join('')).toBe(rows);
      expect({ next: page.hasNextPage, previous: page.hasPreviousPage }).toEqual({ next, previous });
    });
  });

  describe.each(['courses', 'enrollments', 'enrollments of a course', 'enrollments of a student'])('of %s', name => {
    it.each(mistakes)('a page rejects %s: BAD_USER_INPUT', async (_, args, argument) => {
      const filled = Object.fromEntries(
        Object.entries(args).map(([key, value]) => [
          key,
          typeof value === 'function' ? value(name.split(' ')[0]) : value,
        ]),
      );
      const { errors } = await sendPage(api, admin, lists[name]!.list, filled);
      expect(errors?.map(({ extensions }) => extensions)).toEqual([{ code: 'BAD_USER_INPUT', argument }]);
      expect(errors![0]!.message.length).toBeLessThan(300);
    });
  });

  it.each([
    ['TITLE', 5],
    ['TITLE', 'a\0b'],
    ['TOTAL_ENROLLMENTS', 'abc'],
    ['CREATED_AT', 'abc'],
    ['CREATED_AT', '2026-99-99 00:00:00.000'],
    ['CREATED_AT', '2026-02-30 00:00:00.000'],
    ['CREATED_AT', '2026-02-03 24:61:00.000'],
  ])('a page rejects a cursor of the order %s with the value %j: BAD_USER_INPUT', async (field, value) => {
    const { errors } = await sendPage(api, admin, courseList, {
      after: forged(['courses', field, value, 1]),
      orderBy: { field },
    });
    expect(errors?.map(({ extensions }) => extensions)).toEqual([{ code: 'BAD_USER_INPUT', argument: 'after' }]);
  });

  it('a page rejects a cursor that was changed at any position: BAD_USER_INPUT', async () => {
    const endCursor = (await pageOf(api, admin, courseList, {})).endCursor!;
    const changed = [...endCursor].map(
      (_, at) => endCursor.slice(0, at) + (endCursor[at] === 'A' ? 'B' : 'A') + endCursor.slice(at + 1),
    );
    for (const cursor of changed) {
      const { errors } = await sendPage(api, admin, courseList, { after: cursor });
      expect(errors?.[0], cursor).toMatchObject({
        message: expect.stringContaining(cursor),
        extensions: { code: 'BAD_USER_INPUT', argument: 'after' },
      });
    }
  });

  it('a page rejects a cursor of another order and names both orders: BAD_USER_INPUT', async () => {
    const { endCursor } = await pageOf(api, admin, courseList, { orderBy: { field: 'TITLE' } });
    const { errors } = await sendPage(api, admin, courseList, { after: endCursor, orderBy: { field: 'CREATED_AT' } });
    expect(errors?.[0]).toMatchObject({
      message: expect.stringMatching(/TITLE.*CREATED_AT/),
      extensions: { code: 'BAD_USER_INPUT', argument: 'after' },
    });
  });

  it('a page has 20 rows by default', async () => {
    const instructor = (await addUsers(api.database, Role.TEACHER, 1))[0]!;
    await addCourses(
      api.database,
      Array.from({ length: 21 }, () => ({ instructor })),
    );
    const { data } = await api.send(
      admin,
      `{ courses(filter: { instructorId: ${instructor} }) { totalCount nodes { id } pageInfo { hasNextPage } } }`,
    );
    expect([data.courses.nodes.length, data.courses.totalCount, data.courses.pageInfo.hasNextPage]).toEqual([
      20,
      21,
      true,
    ]);
  });
});
