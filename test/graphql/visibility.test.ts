import { afterAll, beforeAll, expect, it } from 'vitest';
import { EnrollmentStatus, Role } from '../../src/entities/index.js';
import { addUser, startApi, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { addCourses, addEnrollments } from '../support/rows.js';

type Named = { id: string; title?: string };
type Node = { course: Named; student: Named };

describeOnEach('the visibility of rows to a viewer', kind => {
  let api: Api;
  const tokens: Record<string, string | null> = { anonymous: null };
  const users: Record<string, number> = {};
  const courses: Record<string, number> = {};
  const viewers = ['anonymous', 'ada', 'ben', 'tess', 'theo', 'admin', 'script'];

  beforeAll(async () => {
    api = await startApi(kind);
    const { database } = api;
    for (const [name, role] of Object.entries({
      ada: Role.STUDENT,
      ben: Role.STUDENT,
      tess: Role.TEACHER,
      theo: Role.TEACHER,
      admin: Role.ADMIN,
    })) {
      users[name] = await addUser(database, role, name);
      tokens[name] = await api.token(role, users[name]);
    }
    tokens['script'] = await api.token(Role.ADMIN, null);
    const { ada, ben, tess, theo } = users;
    const ids = await addCourses(database, [
      { title: 'open', instructor: tess },
      { title: 'hidden', instructor: tess, isPublished: false },
      { title: 'secret', instructor: theo, isPublished: false },
      { title: 'orphan', isPublished: false },
    ]);
    for (const [index, title] of ['open', 'hidden', 'secret', 'orphan'].entries()) courses[title] = ids[index]!;
    await addEnrollments(database, [
      { course: courses['open']!, student: ada! },
      { course: courses['open']!, student: ben!, status: EnrollmentStatus.DROPPED },
      { course: courses['hidden']!, student: ada! },
      { course: courses['secret']!, student: ben! },
      { course: courses['secret']!, student: tess! },
    ]);
  });
  afterAll(() => api.stop());

  /** Sends the same query as every viewer and returns the answer to each. */
  async function askAll(query: string, read: (data: any) => unknown): Promise<Record<string, unknown>> {
    const told = await Promise.all(
      viewers.map(async viewer => {
        const { data, errors } = await api.send(tokens[viewer]!, query);
        return [viewer, errors ? errors[0]!.extensions.code : read(data)] as const;
      }),
    );
    return Object.fromEntries(told);
  }

  const titles = (nodes: Named[]) => nodes.map(({ title }) => title).join(' ');
  const pairs = (nodes: Node[]) =>
    nodes
      .map(
        ({ course, student }) =>
          `${Object.keys(users).find(name => users[name] === Number(student.id))} in ${course.title}`,
      )
      .join(', ');

  it('the list of courses shows published courses, those that the viewer teaches or is in, and all of them to admins', async () => {
    const seen = await askAll(
      '{ courses { totalCount nodes { title } } }',
      ({ courses: list }) => `${list.totalCount}: ${titles(list.nodes)}`,
    );
    expect(seen).toEqual({
      anonymous: '1: open',
      ada: '2: open hidden',
      ben: '2: open secret',
      tess: '3: open hidden secret',
      theo: '2: open secret',
      admin: '4: open hidden secret orphan',
      script: '4: open hidden secret orphan',
    });
  });

  it('a course by id is visible as in the list, and null otherwise', async () => {
    const listed = await askAll('{ courses { nodes { title } } }', ({ courses: list }) => titles(list.nodes));
    const fields = Object.entries(courses).map(([title, id]) => `${title}: course(id: ${id}) { title }`);
    const single = await askAll(`{ ${fields.join(' ')} }`, data =>
      titles(Object.values<Named | null>(data).filter(one => one !== null)),
    );
    expect(single).toEqual(listed);
  });

  it('a filter finds no course beyond those in the list', async () => {
    const found = await askAll(
      `{ courses(filter: { ids: [${courses['secret']}, ${courses['orphan']}] }) { totalCount nodes { title } } }`,
      ({ courses: list }) => `${list.totalCount}: ${titles(list.nodes)}`,
    );
    expect(found).toEqual({
      anonymous: '0: ',
      ada: '0: ',
      ben: '1: secret',
      tess: '1: secret',
      theo: '1: secret',
      admin: '2: secret orphan',
      script: '2: secret orphan',
    });
  });

  it('the list of enrollments shows students their own, teachers also those of their courses, and admins all', async () => {
    const all = 'ada in open, ben in open, ada in hidden, ben in secret, tess in secret';
    const seen = await askAll(
      '{ enrollments { totalCount nodes { course { title } student { id } } } }',
      ({ enrollments: list }) => `${list.totalCount}: ${pairs(list.nodes)}`,
    );
    expect(seen).toEqual({
      anonymous: 'UNAUTHENTICATED',
      ada: '2: ada in open, ada in hidden',
      ben: '2: ben in open, ben in secret',
      tess: '4: ada in open, ben in open, ada in hidden, tess in secret',
      theo: '2: ben in secret, tess in secret',
      admin: `5: ${all}`,
      script: `5: ${all}`,
    });
  });

  it('a course shows only the enrollments that the list of enrollments has', async () => {
    const seen = await askAll(
      `{ course(id: ${courses['open']}) { totalEnrollments enrollments { totalCount nodes { student { id } course { title } } } } }`,
      ({ course }) =>
        `${course.enrollments.totalCount} of ${course.totalEnrollments}: ${pairs(course.enrollments.nodes)}`,
    );
    const both = '2 of 2: ada in open, ben in open';
    expect(seen).toEqual({
      anonymous: 'UNAUTHENTICATED',
      ada: '1 of 2: ada in open',
      ben: '1 of 2: ben in open',
      tess: both,
      theo: '0 of 2: ',
      admin: both,
      script: both,
    });
  });

  it('a user shows only the enrollments that the list of enrollments has', async () => {
    const query = `{ course(id: ${courses['open']}) { instructor { enrollments { totalCount nodes { student { id } course { title } } } } } }`;
    const seen = await askAll(
      query,
      ({
        course: {
          instructor: { enrollments },
        },
      }) => `${enrollments.totalCount}: ${pairs(enrollments.nodes)}`,
    );
    const one = '1: tess in secret';
    expect(seen).toEqual({
      anonymous: 'UNAUTHENTICATED',
      ada: '0: ',
      ben: '0: ',
      tess: one,
      theo: one,
      admin: one,
      script: one,
    });
  });

  it("a user's email is visible to the user and to admins", async () => {
    const query = `{ courses(filter: { title: { eq: "open" } }) { nodes { instructor { name email } } } }`;
    const seen = await askAll(query, data => data.courses.nodes[0].instructor.email !== null);
    expect(seen).toEqual({
      anonymous: false,
      ada: false,
      ben: false,
      tess: true,
      theo: false,
      admin: true,
      script: true,
    });
    const { data } = await api.send(
      tokens['tess']!,
      '{ me { email } enrollments { nodes { student { name email } } } }',
    );
    expect(data.me.email).toMatch(/@example\.org$/);
    expect(
      data.enrollments.nodes.map(({ student }: { student: { name: string; email: string | null } }) => [
        student.name,
        student.email !== null,
      ]),
    ).toEqual([
      ['ada', false],
      ['ben', false],
      ['ada', false],
      ['tess', true],
    ]);
  });

  it("viewerEnrollment shows the viewer's own enrollment and nobody else's", async () => {
    const query = `{ course(id: ${courses['open']}) { viewerEnrollment { status student { name } } } }`;
    const seen = await askAll(
      query,
      ({ course: { viewerEnrollment: own } }) => own && `${own.student.name} ${own.status}`,
    );
    expect(seen).toEqual({
      anonymous: null,
      ada: 'ada ACTIVE',
      ben: 'ben DROPPED',
      tess: null,
      theo: null,
      admin: null,
      script: null,
    });
  });

  it('the counts of a published course are visible to everybody', async () => {
    const query = `{ course(id: ${courses['open']}) { totalEnrollments activeEnrollments enrollmentsCount { count } enrollmentsByStatus { count } } }`;
    const counts = {
      totalEnrollments: 2,
      activeEnrollments: 1,
      enrollmentsCount: { count: 2 },
      enrollmentsByStatus: [{ count: 1 }, { count: 0 }, { count: 1 }, { count: 0 }],
    };
    expect(await askAll(query, ({ course }) => course)).toEqual(
      Object.fromEntries(viewers.map(viewer => [viewer, counts])),
    );
  });
});
