import { afterAll, beforeAll, expect, it } from 'vitest';
import { EnrollmentStatus, Role } from '../../src/entities/index.js';
import { addUser, startApi, type Answer, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { addCourses, addEnrollments, addUsers } from '../support/rows.js';
import { summarize } from '../support/statements.js';

const COURSES = 120;

describeOnEach('a page of courses', kind => {
  let api: Api;
  let token: string;

  beforeAll(async () => {
    // Nested fields cost more than a server allows by default.
    api = await startApi(kind, { env: { MAX_COST: '100000' } });
    const { database } = api;
    const teachers = await addUsers(database, Role.TEACHER, 7);
    const students = await addUsers(database, Role.STUDENT, 6);
    const courses = await addCourses(
      database,
      Array.from({ length: COURSES }, (_, index) => ({ instructor: teachers[index % 7]! })),
    );
    const statuses = Object.values(EnrollmentStatus);
    await addEnrollments(
      database,
      courses.flatMap((course, index) =>
        students.slice(0, index % 7).map((student, at) => ({ course, student, status: statuses[(index + at) % 4]! })),
      ),
    );
    token = await api.token(Role.ADMIN, await addUser(database, Role.ADMIN));
  });
  afterAll(() => api.stop());

  /** Requests a page of this many courses and returns the answer with its SQL statements. */
  async function page(
    size: number,
    selection: string,
    as: string | null = token,
  ): Promise<{ nodes: any[]; data: any; statements: string[] }> {
    let answer!: Answer;
    const statements = await api.statements(async () => {
      answer = await api.send(as, `{ courses(first: ${size}) { ${selection} } }`);
    });
    expect(answer.errors).toBeUndefined();
    expect(answer.data.courses.nodes).toHaveLength(size);
    return {
      nodes: answer.data.courses.nodes,
      data: answer.data,
      statements: summarize(statements.map(sql => sql.replaceAll(/[`"]/g, ''))),
    };
  }

  it('a page of courses with its stored counts takes one statement', async () => {
    const { statements } = await page(
      100,
      'nodes { id title status totalEnrollments activeEnrollments createdAt } edges { cursor node { capacity } } pageInfo { endCursor hasNextPage hasPreviousPage }',
    );
    expect(statements).toEqual(['select core_course']);
  });

  it.each([
    ['enrollmentsCount of some statuses', 'enrollmentsCount(status: [ACTIVE]) { count }', ['core_enrollments']],
    ['enrollmentsByStatus', 'enrollmentsByStatus { status count }', ['core_enrollments']],
    ['the instructor', 'instructor { name role }', ['core_user']],
    ['viewerEnrollment', 'viewerEnrollment { id status }', ['core_enrollments']],
    [
      'a page of enrollments',
      'enrollments(first: 2) { nodes { id status } pageInfo { hasNextPage } }',
      ['core_enrollments'],
    ],
    [
      'a page of enrollments with their students',
      'enrollments { nodes { student { name } } }',
      ['core_enrollments', 'core_user'],
    ],
    [
      'a page of enrollments with their course',
      'enrollments { nodes { course { title } } }',
      ['core_enrollments', 'core_course'],
    ],
    ['the number of its enrollments', 'enrollments { totalCount }', ['core_enrollments', 'core_course']],
  ])(
    'a page of courses with %s takes one more statement for each kind of row, whatever its size',
    async (_, field, tables) => {
      const expected = ['core_course', ...tables].map(table => `select ${table}`);
      for (const size of [2, 10, 100])
        expect((await page(size, `nodes { id ${field} }`)).statements, `${size} courses`).toEqual(expected);
    },
  );

  it.each(['', '(limit: null)', '(limit: 3)'])(
    'a page of courses with enrollmentsCount%s, all within its limit, takes one statement, as nodes and as edges',
    async args => {
      const field = `totalEnrollments enrollmentsCount${args} { count }`;
      for (const [size, selection] of [
        [4, `nodes { ${field} }`],
        [4, `nodes { id } edges { node { ${field} } }`],
        [4, `pageInfo { endCursor } ...Page } } fragment Page on CourseConnection { nodes { ${field} `],
      ] as const) {
        const answer = await page(size, selection);
        expect(answer.statements, selection).toEqual(['select core_course']);
        const courses = answer.nodes[0].totalEnrollments === undefined ? answer.data.courses.edges : answer.nodes;
        for (const one of courses.map((entry: any) => entry.node ?? entry))
          expect(one.enrollmentsCount.count).toBe(one.totalEnrollments);
      }
    },
  );

  it('a page of courses with enrollmentsCount counts those with more enrollments than its limit by one more statement', async () => {
    const { nodes, statements } = await page(
      8,
      'nodes { totalEnrollments enrollmentsCount(limit: 3) { count precision } }',
    );
    expect(statements).toEqual(['select core_course', 'select core_enrollments']);
    for (const { totalEnrollments: total, enrollmentsCount } of nodes)
      expect(enrollmentsCount).toEqual({ count: Math.min(total, 3), precision: total > 3 ? 'AT_LEAST' : 'EXACT' });
  });

  it('a page of courses with enrollmentsCount counts the rows, also where a stored count is wrong', async () => {
    const course = (await page(1, 'nodes { id }')).nodes[0].id;
    const read = async (): Promise<unknown> =>
      (await page(7, 'nodes { enrollmentsCount { count precision } } ')).nodes.map(node => node.enrollmentsCount);
    const before = await read();
    for (const wrong of [5, 100_000]) {
      await api.database.em
        .fork()
        .execute('update core_course set total_enrollments = ? where id = ?', [wrong, course]);
      expect(await read()).toEqual(before);
    }
    await api.database.em.fork().execute('update core_course set total_enrollments = 0 where id = ?', [course]);
  });

  it('a page of courses with all fields takes the same few statements for 10 courses as for 100', async () => {
    const all = `totalCount nodes {
      enrollmentsCount { count precision } enrollmentsByStatus { status count } instructor { name } viewerEnrollment { status }
      enrollments(first: 3, orderBy: { field: ENROLLED_AT, direction: DESC }) { totalCount nodes { student { name } } pageInfo { hasNextPage } }
    }`;
    const [ten, hundred] = [await page(10, all), await page(100, all)];
    expect(hundred.statements.toSorted()).toEqual([
      // the page, its totalCount, and the totalCount of the nested pages
      ...Array(3).fill('select core_course'),
      // enrollmentsByStatus, viewerEnrollment and the nested pages
      ...Array(3).fill('select core_enrollments'),
      // the instructors with the page, the students with the nested pages
      ...Array(2).fill('select core_user'),
    ]);
    expect(ten.statements.toSorted()).toEqual(hundred.statements.toSorted());
  });

  it('a page of courses with nested lists three levels deep takes the same few statements for 10 courses as for 100', async () => {
    const deep =
      'nodes { enrollments { nodes { student { enrollments(first: 2) { totalCount nodes { course { enrollmentsCount { count } } } } } } } }';
    expect((await page(100, deep)).statements).toEqual((await page(10, deep)).statements);
  });

  it('a page of courses takes one more statement for each further set of arguments of enrollmentsCount, and each returns its own count', async () => {
    const { nodes, statements } = await page(
      100,
      `nodes {
      totalEnrollments activeEnrollments
      all: enrollmentsCount { count precision } again: enrollmentsCount(limit: 10000) { count }
      active: enrollmentsCount(status: [ACTIVE]) { count } capped: enrollmentsCount(limit: 2) { count precision } none: enrollmentsCount(status: []) { count }
    }`,
    );
    expect(statements).toEqual(['core_course', ...Array(2).fill('core_enrollments')].map(table => `select ${table}`));
    for (const { totalEnrollments: total, activeEnrollments, all, again, active, capped, none } of nodes) {
      expect({ all, again, active, capped, none }).toEqual({
        all: { count: total, precision: 'EXACT' },
        again: { count: total },
        active: { count: activeEnrollments },
        capped: { count: Math.min(total, 2), precision: total > 2 ? 'AT_LEAST' : 'EXACT' },
        none: { count: 0 },
      });
    }
  });

  it('a page of courses takes one statement for each set of arguments of enrollments, and each returns its own page', async () => {
    const { nodes, statements } = await page(
      100,
      `nodes {
      totalEnrollments activeEnrollments
      all: enrollments { totalCount } active: enrollments(filter: { status: [ACTIVE] }) { totalCount nodes { status } } one: enrollments(first: 1) { nodes { id } pageInfo { hasNextPage } }
    }`,
    );
    expect(statements).toHaveLength(1 + 3 + 2);
    for (const { totalEnrollments, activeEnrollments, all, active, one } of nodes) {
      expect([all.totalCount, active.totalCount, active.nodes.length]).toEqual([
        totalEnrollments,
        activeEnrollments,
        activeEnrollments,
      ]);
      expect([one.nodes.length, one.pageInfo.hasNextPage]).toEqual([
        Math.min(1, totalEnrollments),
        totalEnrollments > 1,
      ]);
    }
  });

  it('the enrollments of one student under many courses, and those of many students in one course, are found by their keys', async () => {
    const [enrollment] = (
      await page(100, 'nodes { enrollments { nodes { student { id } course { id } status } } }')
    ).nodes.flatMap(({ enrollments }) => enrollments.nodes);
    const { student, course, status } = enrollment;
    const own = await api.token(Role.STUDENT, Number(student.id));
    const selection = `nodes { id enrollments(first: 1, filter: { status: [${status}] }) { nodes { student { id } course { id } } pageInfo { hasNextPage } } }`;
    const asked = [
      ['courses', own, selection],
      ['courses', token, selection.replace('filter: {', `filter: { studentId: "${student.id}",`)],
      [
        'enrollments',
        token,
        `nodes { student { enrollments(filter: { courseId: "${course.id}" }) { nodes { student { id } course { id } } } } }`,
      ],
    ] as const;
    for (const [list, as, text] of asked) {
      let found!: Answer;
      const statements = await api.statements(
        async () => (found = await api.send(as, `{ ${list}(first: 100) { ${text} } }`)),
      );
      expect(found.errors).toBeUndefined();
      // The page of courses is merged, the pages of enrollments are not.
      expect(statements.filter(sql => /\bunion\b/.test(sql) && !/from .core_course\b/.test(sql))).toEqual([]);
      const pages = found.data[list].nodes
        .map((node: any) => node.enrollments ?? node.student.enrollments)
        .filter(({ nodes }: any) => nodes.length > 0);
      expect(pages.length).toBeGreaterThan(0);
      for (const { nodes, pageInfo } of pages) {
        expect(nodes).toHaveLength(1);
        if (list === 'courses') expect([nodes[0].student.id, pageInfo.hasNextPage]).toEqual([student.id, false]);
        else expect(nodes[0].course.id).toBe(course.id);
      }
    }
  });

  it('naming all statuses, however often, takes the same statement as naming none', async () => {
    const every = [...Object.values(EnrollmentStatus), ...Object.values(EnrollmentStatus)].map(status =>
      status.toUpperCase(),
    );
    // Without the time limit of each statement, which is what is left of the request's.
    const asked = async (filter: string): Promise<string[]> =>
      (
        await api.statements(() =>
          api.send(
            token,
            `{ enrollments${filter} { totalCount } courses(first: 9) { nodes { enrollments${filter} { totalCount nodes { id student { enrollments${filter} { totalCount nodes { id } } } } } } } }`,
          ),
        )
      )
        .map(sql => sql.replace(/max_(statement_time = |execution_time\()[\d.]+/g, ''))
        .toSorted();
    expect(await asked(`(filter: { status: [${every.join(' ')}] })`)).toEqual(await asked(''));
  });

  it('matching rows are counted only where totalCount is selected', async () => {
    const without = await page(10, 'nodes { id }');
    const counted = await page(10, 'totalCount nodes { id }');
    expect([without.statements.length, counted.statements.length, counted.data.courses.totalCount]).toEqual([
      1,
      2,
      COURSES,
    ]);
  });

  it('viewerEnrollment of an anonymous viewer takes no statement', async () => {
    expect((await page(100, 'nodes { viewerEnrollment { id } }', null)).statements).toEqual(['select core_course']);
    expect(
      (await page(100, 'nodes { viewerEnrollment { id } }', await api.token(Role.ADMIN, null))).statements,
    ).toEqual(['select core_course']);
  });

  it('rejected arguments read nothing', async () => {
    const statements = await api.statements(() =>
      api.send(
        token,
        '{ courses(first: 1) { nodes { enrollmentsCount(limit: 0) { count } } } enrollments(first: -1) { nodes { id } } }',
      ),
    );
    expect(statements).toHaveLength(1);
  });
});
