import { getNamedType } from 'graphql';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CourseStatus, Role } from '../../../src/entities/index.js';
import { graphqlSchema } from '../../../src/graphql/schema.js';
import type { Viewer } from '../../../src/access/viewer.js';
import { startApi, type Api } from '../../support/api.js';
import { describeOnEach } from '../../support/databases.js';
import { makeIdsDistinct } from '../../support/distinct-ids.js';
import { addCourses, addEnrollments, addUsers } from '../../support/rows.js';
import { newWorld, type World } from '../operations.js';
import { operationFor, type Filling, type Place } from '../input-places.js';
import { kindOf, namedPlaces } from '../schema-places.js';
import { factsOf, maySeeCourse, maySeeEnrollment } from './rules.js';

/** Every place of the schema that takes an id. */
const places = namedPlaces.filter(([, { type }]) => getNamedType(type).name === 'ID');

/** Rows that are hidden from the viewers below: courses and enrollments of each kind, and an id of no row. */
interface Hidden {
  readonly rows: readonly (readonly [string, number])[];
  readonly missing: number;
}

describeOnEach('a hidden row', kind => {
  let api: Api;
  let world: World & { cursors: Record<'courses' | 'enrollments' | 'recountRuns' | 'changes', string> };
  let hidden: Hidden;
  let viewers: readonly (readonly [string, Viewer])[];

  beforeEach(async () => {
    api = await startApi(kind);
    await makeIdsDistinct(api);
    world = { ...(await newWorld(api)), cursors: { courses: 'a', enrollments: 'b', recountRuns: 'c', changes: 'd' } };
    const [owner] = (await addUsers(api.database, Role.TEACHER, 1)) as [number];
    const others = await addUsers(api.database, Role.STUDENT, 2);
    const courses = await addCourses(api.database, [
      { instructor: owner, isPublished: false },
      { instructor: owner, isPublished: false, status: CourseStatus.DRAFT, capacity: 1 },
      { isPublished: false, status: CourseStatus.ARCHIVED },
    ]);
    const enrollments = await addEnrollments(
      api.database,
      courses.flatMap(course => others.map(student => ({ course, student }))).slice(0, 5),
    );
    hidden = {
      rows: [...courses.map(id => ['course', id] as const), ...enrollments.map(id => ['enrollment', id] as const)],
      missing: 800_000_001,
    };
    viewers = [
      ['a student', { userId: world.otherStudent, role: Role.STUDENT }],
      ['a teacher', { userId: world.teacher, role: Role.TEACHER }],
    ];
    const facts = await factsOf(api.database);
    for (const [, viewer] of viewers) {
      for (const id of courses) expect(maySeeCourse(viewer, facts.courses.get(id)!, facts)).toBe(false);
      for (const id of enrollments) expect(maySeeEnrollment(viewer, facts.enrollments.get(id)!, facts)).toBe(false);
    }
  });
  afterEach(() => api.stop());

  const fill: Filling = coordinate => kindOf(coordinate).valid?.(world) ?? null;

  /** Returns the answer to a query with an id and its statements, without the id itself. */
  async function asked(place: Place, token: string, id: number): Promise<object> {
    const isList = String(place.type).includes('[');
    const { query, variables } = operationFor(place, [isList ? [String(id)] : String(id)], fill);
    let answer: object = {};
    const statements = await api.statements(async () => {
      const { data, errors, status } = await api.send(token, query, variables);
      answer = {
        data,
        errors: errors?.map(({ message, path, extensions }) => ({ message, path, extensions })),
        status,
      };
    });
    // An answer may not reveal a title or a number.
    return JSON.parse(
      JSON.stringify({ answer, statements }).replaceAll(new RegExp(`\\b${id}\\b`, 'g'), 'ID'),
    ) as object;
  }

  it('a hidden row is the same as a missing one in every argument: answer, errors and statements', async () => {
    const seen = new Set<string>();
    for (const [name, viewer] of viewers) {
      const token = await api.token(viewer.role, viewer.userId);
      for (const [title, place] of places) {
        const expected = await asked(place, token, hidden.missing);
        for (const [what, id] of hidden.rows) {
          expect(await asked(place, token, id), `${title}, asked by ${name} for ${what} ${id}`).toEqual(expected);
          seen.add(place.field);
        }
      }
    }
    // Every mutation but those that take no id.
    expect([...seen].filter(field => field.startsWith('Mutation.')).length).toBeGreaterThanOrEqual(12);
  });
});

describeOnEach('a hidden course', kind => {
  it('a subscription treats a hidden course as a missing one in every argument that takes an id: answer and statements', async () => {
    const api = await startApi(kind);
    await makeIdsDistinct(api);
    const [student] = (await addUsers(api.database, Role.STUDENT, 1)) as [number];
    const [course] = (await addCourses(api.database, [{ isPublished: false }])) as [number];
    const token = await api.token(Role.STUDENT, student);
    const fields = Object.values(graphqlSchema().getSubscriptionType()!.getFields());
    const taking = fields.flatMap(field =>
      field.args.filter(({ type }) => getNamedType(type).name === 'ID').map(argument => ({ field, argument })),
    );
    expect(taking.length).toBeGreaterThan(0);
    for (const { field, argument } of taking) {
      const listen = async (id: number): Promise<unknown> => {
        let body = '';
        const statements = await api.statements(async () => {
          const headers = {
            'content-type': 'application/json',
            accept: 'text/event-stream',
            authorization: `Bearer ${token}`,
          };
          const response = await fetch(`${api.url}/stream`, {
            method: 'POST',
            headers,
            body: JSON.stringify({
              query: `subscription { ${field.name}(${argument.name}: ["${id}"]) { __typename } }`,
            }),
          });
          // It is rejected, so the stream ends by itself.
          body = await response.text();
        });
        return JSON.parse(JSON.stringify({ body, statements }).replaceAll(new RegExp(`\\b${id}\\b`, 'g'), 'ID'));
      };
      const missing = await listen(800_000_001);
      expect(missing).toMatchObject({ body: expect.stringContaining('NOT_FOUND') });
      expect(await listen(course)).toEqual(missing);
    }
    await api.stop();
  });
});

it('the walk through the schema finds every place for an id that must be hidden', () => {
  const fields = new Set(places.map(([, { field }]) => field));
  for (const field of [
    'Query.course',
    'Query.enrollment',
    'Query.courses',
    'Query.enrollments',
    'Mutation.enroll',
    'Mutation.transferEnrollment',
    'Mutation.updateCourse',
    'Mutation.unenroll',
  ])
    expect(fields).toContain(field);
});
