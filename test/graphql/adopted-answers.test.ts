import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDatabase } from '../../src/database/database.js';
import { Role } from '../../src/entities/index.js';
import { copyDatabase, type CopyRemark } from '../../src/tools/adopt/copy/copy-database.js';
import { TheirDatabase } from '../../src/tools/adopt/found/their-database.js';
import { adoptedSchool, withAllStatuses } from '../support/adopted-school.js';
import { startApi, type Answer, type Api } from '../support/api.js';
import { describeOnEach, freshDatabase } from '../support/databases.js';
import { djangoCourses, djangoEnrollments, djangoUsers } from '../support/django-tables.js';

/** Courses and enrollments of many kinds, whose moments differ by less than a millisecond. */
const cleanRows = [
  djangoUsers([
    { id: 1, role: 'teacher' },
    { id: 2, role: 'admin' },
    ...Array.from({ length: 8 }, (_, index) => ({ id: 10 + index, firstName: `F${index % 3}`, lastName: `L${index}` })),
  ]),
  djangoCourses(
    Array.from({ length: 9 }, (_, index) => ({
      id: index + 1,
      title: ['Optics', 'Algebra', 'Botany', 'Eclairs'][index % 4]!,
      status: ['published', 'Draft', 'ARCHIVED'][index % 3]!,
      isPublished: index % 2 === 0,
      instructor: index % 3 === 0 ? 1 : null,
    })),
  ),
  djangoEnrollments(
    Array.from({ length: 36 }, (_, index) => [
      index + 1,
      1 + (index % 9),
      10 + (Math.floor(index / 9) * 2 + (index % 2)),
      ['active', 'Active', 'completed', 'dropped', 'SUSPENDED'][index % 5]!,
    ]),
  ),
  ...[100, 300, 500, 900].map(
    (micro, index) =>
      `update core_enrollments set enrolled_at = '2025-03-01 10:00:00.001${micro}' where id % 4 = ${index}`,
  ),
];

/** Operations whose answers do not depend on where the rows are. */
const operations: readonly string[] = [
  ...['ID', 'TITLE', 'CREATED_AT', 'TOTAL_ENROLLMENTS'].flatMap(field =>
    ['ASC', 'DESC'].map(
      direction =>
        `{ courses(first: 20, orderBy: { field: ${field}, direction: ${direction} }) { totalCount nodes { id title description status isPublished createdAt updatedAt totalEnrollments activeEnrollments instructor { id name role } enrollmentsCount { count } enrollmentsByStatus { status count } } } }`,
    ),
  ),
  ...[
    'status: [ACTIVE]',
    'status: [DRAFT, ARCHIVED]',
    'isPublished: true, status: [ACTIVE]',
    'instructorId: 1',
    'title: { contains: "a" }',
    'totalEnrollments: { gte: 2 }',
    'ids: [3, 1]',
  ].map(filter => `{ courses(first: 20, filter: { ${filter} }) { totalCount nodes { id } } }`),
  ...['ID', 'ENROLLED_AT'].flatMap(field =>
    ['ASC', 'DESC'].flatMap(direction =>
      ['', 'status: [ACTIVE]', 'status: [ACTIVE, DROPPED, COMPLETED, SUSPENDED]', 'courseId: 2', 'studentId: 11'].map(
        filter =>
          `{ enrollments(first: 50, orderBy: { field: ${field}, direction: ${direction} }, filter: { ${filter} }) { totalCount nodes { id status enrolledAt updatedAt course { id title } student { id name } } } }`,
      ),
    ),
  ),
];

describeOnEach("another application's database", kind => {
  let adopted: Api;
  let own: Api;

  beforeAll(async () => {
    const school = await adoptedSchool(kind, cleanRows, withAllStatuses);
    const copy = await freshDatabase(kind);
    const theirs = new TheirDatabase(await openDatabase(school.url));
    const refuse = (remark: CopyRemark): never => expect.fail(JSON.stringify(remark));
    await copyDatabase(theirs, school.map, copy.database, { onRejected: refuse, onNote: refuse });
    await theirs.database.close(true);
    adopted = await startApi(kind, { place: school });
    own = await startApi(kind, { place: copy });
    await adopted.send(await adopted.token(Role.ADMIN, null), 'mutation { recountEnrollments { run { id } } }');
  });
  afterAll(async () => {
    await adopted.stop();
    await own.stop();
  });

  /** Sends an operation to both servers as the same viewer, and returns both answers. */
  async function both(
    role: Role | null,
    query: string,
    userId: number | null = null,
  ): Promise<readonly [Answer, Answer]> {
    const token = role === null ? null : await adopted.token(role, userId);
    return [await adopted.send(token, query), await own.send(token, query)];
  }

  it.each([
    ['an admin', Role.ADMIN, 2],
    ['a teacher', Role.TEACHER, 1],
    ['a student', Role.STUDENT, 11],
  ] as const)(
    "another application's database gives %s the answers of a database into which its rows were copied",
    async (_, role, userId) => {
      for (const query of operations) {
        const [theirs, ours] = await both(role, query, userId);
        expect(ours.errors, query).toBeUndefined();
        expect(theirs, query).toEqual(ours);
      }
    },
  );

  it("another application's database is walked by pages whose rows come once each, though moments differ by less than a millisecond", async () => {
    for (const direction of ['ASC', 'DESC']) {
      const seen: string[] = [];
      for (let after: string | null = null, more = true; more;) {
        const [theirs, ours] = await both(
          Role.ADMIN,
          `{ enrollments(first: 5, after: ${JSON.stringify(after)}, orderBy: { field: ENROLLED_AT, direction: ${direction} }) { nodes { id } pageInfo { endCursor hasNextPage } } }`,
        );
        expect(theirs.data.enrollments.nodes).toEqual(ours.data.enrollments.nodes);
        seen.push(...theirs.data.enrollments.nodes.map((node: { id: string }) => node.id));
        after = theirs.data.enrollments.pageInfo.endCursor as string;
        more = theirs.data.enrollments.pageInfo.hasNextPage as boolean;
      }
      expect(new Set(seen).size).toBe(36);
      expect(seen.length).toBe(36);
    }
  });
});
