import { isObjectType } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphqlSchema } from '../../../src/graphql/schema.js';
import { Random } from '../../../src/tools/sample-data/random.js';
import type { Viewer } from '../../../src/access/viewer.js';
import { startApi, type Api } from '../../support/api.js';
import { describeOnFirstThree } from '../../support/databases.js';
import { randomOperation, type OperationMaterial } from '../../support/random-operations.js';
import { secretsFrom, mistakesIn } from './judge.js';
import { forbiddenChanges } from './permissions.js';
import { factsOf, maySeeCourse, maySeeEnrollment, type Facts } from './rules.js';
import { newSchool, type Viewers } from './world.js';

/**
 * The number of random operations that are judged on SQLite; on the servers, which differ only in their SQL, a fifth.
 */
const OPERATIONS = Number(process.env['ORACLE_OPERATIONS'] ?? 1200);
const SEED = Number(process.env['ORACLE_SEED'] ?? 11);

const schema = graphqlSchema();

/** The codes with which a random operation may be rejected; any other is a mistake of the server. */
const refusals = new Set([
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'BAD_USER_INPUT',
  'QUERY_TOO_COSTLY',
  'QUERY_TOO_DEEP',
  'GRAPHQL_VALIDATION_FAILED',
  'ROWS_READ_EXCEEDED',
]);

/** Returns the ids of rows, or other ids if there are none. */
function nearOr(rows: readonly { readonly id: number }[], others: readonly number[]): readonly number[] {
  return rows.length > 0 ? rows.map(({ id }) => id) : others;
}

describeOnFirstThree('random operations of every kind of viewer', kind => {
  let api: Api;
  let viewers: Viewers;
  let tokens: Map<string, string | null>;
  let ids: number[];
  let enrollmentIds: number[];
  const selected = new Set<string>();
  const count = kind === 'sqlite' ? OPERATIONS : Math.ceil(OPERATIONS / 5);

  beforeAll(async () => {
    api = await startApi(kind);
    await begin();
  });

  /** Replaces the school by a new one. */
  async function begin(): Promise<void> {
    for (const table of ['core_enrollments', 'core_course', 'core_user'])
      await api.database.em.getConnection().execute(`delete from ${table}`, [], 'run');
    viewers = await newSchool(api);
    const { users, courses, enrollments } = await factsOf(api.database);
    enrollmentIds = [...enrollments.keys()];
    ids = [...new Set([...users.keys(), ...courses.keys(), ...enrollmentIds, 999_999])];
    tokens = new Map();
    for (const [name, viewer] of Object.entries(viewers))
      tokens.set(name, viewer && (await api.token(viewer.role, viewer.userId)));
  }
  afterAll(() => api.stop());

  const material = (random: Random, viewer: Viewer | null, facts: Facts): OperationMaterial => ({
    schema,
    random,
    depth: 5,
    scalar: (coordinate, type) => {
      // Half of them are visible to the viewer, where a rejection or a change depends on more than that.
      if (/enrollmentId$|enrollment\(id:\)$/i.test(coordinate))
        return String(
          random.pick(
            random.chance(0.5)
              ? nearOr(
                  [...facts.enrollments.values()].filter(one => maySeeEnrollment(viewer, one, facts)),
                  enrollmentIds,
                )
              : enrollmentIds,
          ),
        );
      if (/courseId$|UpdateCourseInput\.id$/i.test(coordinate) && random.chance(0.5))
        return String(
          random.pick(
            nearOr(
              [...facts.courses.values()].filter(one => maySeeCourse(viewer, one, facts)),
              ids,
            ),
          ),
        );
      if (type === 'ID' || /Id$|Ids$|\.ids$/.test(coordinate)) return String(random.pick(ids));
      if (/\((?:after|before):\)$/.test(coordinate)) return random.chance(0.5) ? null : 'AAAA';
      if (/\((?:first|last):\)$/.test(coordinate)) return random.below(8);
      return undefined;
    },
  });

  /** Sends a random operation and returns the mistakes in its answer. */
  async function tried(
    random: Random,
    name: string,
    operation: 'query' | 'mutation',
    facts: Facts,
  ): Promise<{ text: string; wrong: string[] }> {
    const viewer = viewers[name]!;
    const { text, fields } = randomOperation(material(random, viewer, facts), operation);
    for (const field of fields) selected.add(field);
    const { data, errors = [], status } = await api.send(tokens.get(name)!, text);
    const now = operation === 'mutation' ? await factsOf(api.database) : facts;
    const wrong =
      data == null
        ? []
        : mistakesIn(
            schema,
            text,
            data as Record<string, unknown>,
            viewer,
            now,
            errors.map(({ path }) => path?.join('.') ?? ''),
          );
    const told = JSON.stringify(errors);
    // Before and after a mutation, so that what it hides or shows counts as shown.
    const after = new Set(secretsFrom(viewer, now));
    const secrets = secretsFrom(viewer, facts).filter(secret => after.has(secret));
    wrong.push(...secrets.filter(secret => told.includes(secret)).map(secret => `an error tells "${secret}"`));
    wrong.push(
      ...errors
        .filter(({ extensions }) => !refusals.has(extensions.code))
        .map(({ extensions, message }) => `${status} ${extensions.code}: ${message}`),
    );
    if (operation === 'mutation')
      wrong.push(...forbiddenChanges(viewer, facts, now).map(change => `changed ${change}`));
    return { text, wrong };
  }

  it('random queries show only what SQL says that the viewer may see, exactly as the rows are', async () => {
    const random = new Random(SEED);
    const facts = await factsOf(api.database);
    const names = Object.keys(viewers);
    for (let number = 0; number < count; number++) {
      const name = names[number % names.length]!;
      const { text, wrong } = await tried(random, name, 'query', facts);
      expect(wrong, `${name} asked ${text}`).toEqual([]);
    }
  });

  it('random mutations change only what the viewer may change, and show what the viewer may see afterwards', async () => {
    const random = new Random(SEED + 1);
    const names = Object.keys(viewers).filter(name => !name.includes('admin'));
    for (let number = 0; number < count; number++) {
      // Students leave their courses and teachers close them until nothing is left to try.
      if (number % 60 === 59) await begin();
      const name = names[number % names.length]!;
      const { text, wrong } = await tried(random, name, 'mutation', await factsOf(api.database));
      expect(wrong, `${name} asked ${text}`).toEqual([]);
    }
  });

  if (kind === 'sqlite') {
    it('the random operations have selected every field of the schema', () => {
      const all = Object.values(schema.getTypeMap())
        .filter(isObjectType)
        .filter(({ name }) => !name.startsWith('__') && name !== 'Subscription' && name !== 'CourseCountsChange');
      const fields = all.flatMap(type => Object.keys(type.getFields()).map(field => `${type.name}.${field}`));
      // Mutations are generated for a few seconds only, and the answers of admins' mutations are generated rarely.
      expect(fields.filter(field => !selected.has(field) && !/^(?:Mutation|\w*Payload|Drift)\./.test(field))).toEqual(
        [],
      );
    });
  }
});

describe('the judge of answers', () => {
  let api: Api;
  let viewers: Viewers;
  beforeAll(async () => {
    api = await startApi('sqlite');
    viewers = await newSchool(api);
  });
  afterAll(() => api.stop());

  it('the judge of answers finds a hidden course, a wrong count, an email of another user and a null that should be shown', async () => {
    const facts = await factsOf(api.database);
    const hidden = [...facts.courses.values()].find(course => course.is_published === 0)!;
    const open = [...facts.courses.values()].find(course => course.is_published === 1)!;
    const [user] = [...facts.users.values()];
    const text = `{ course(id: "${hidden.id}") { __typename id title } courses { totalCount nodes { __typename id totalEnrollments instructor { __typename id email } } } }`;
    const answer = {
      course: { __typename: 'Course', id: String(hidden.id), title: hidden.title },
      courses: {
        totalCount: 1,
        nodes: [
          {
            __typename: 'Course',
            id: String(open.id),
            totalEnrollments: 77,
            instructor: { __typename: 'User', id: String(user!.id), email: user!.email },
          },
        ],
      },
    };
    const wrong = mistakesIn(schema, text, answer, viewers['anonymous']!, facts);
    for (const what of [
      /course \d+ is hidden/,
      /totalEnrollments is 77/,
      /email is/,
      /counts 1 of/,
      /the answer holds "Title-/,
      /the answer holds "mail-/,
    ])
      expect(wrong).toContainEqual(expect.stringMatching(what));
    expect(mistakesIn(schema, `{ course(id: "${open.id}") { __typename id } }`, { course: null }, null, facts)).toEqual(
      [expect.stringMatching(/is null, and the viewer sees it/)],
    );
  });
});
