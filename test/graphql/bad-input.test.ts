import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { startApi, type Answer, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { makeIdsDistinct } from '../support/distinct-ids.js';
import { callers, mutations, newWorld, queries, tokenOf } from './operations.js';
import type { Refusal, Surroundings } from './bad-values.js';
import { kinds } from './input-kinds.js';
import { operationFor, resultOf, type Filling, type Place } from './input-places.js';
import { kindOf, namedPlaces, places } from './schema-places.js';
import { expectReadable } from './readable-messages.js';

describe('the table of bad input', () => {
  it('the table of bad input has a row for every argument and every input field', () => {
    const coordinates = [...new Set(places.map(({ coordinate }) => coordinate))];
    expect(
      coordinates.filter(coordinate => !kinds[coordinate]),
      'nobody has said what is bad for these',
    ).toEqual([]);
    expect(
      Object.keys(kinds).filter(coordinate => !coordinates.includes(coordinate)),
      'there is no such argument or input field',
    ).toEqual([]);
  });
});

describeOnEach('bad input', kind => {
  let api: Api;
  let admin: string;
  let world: Surroundings;
  const fill: Filling = coordinate => kindOf(coordinate).valid?.(world) ?? null;

  beforeAll(async () => {
    api = await startApi(kind);
    await makeIdsDistinct(api);
    const own = await newWorld(api);
    admin = await api.token(Role.ADMIN, own.admin);
    const { data } = await api.send(
      admin,
      `{ courses { pageInfo { endCursor } } enrollments { pageInfo { endCursor } } recountRuns { pageInfo { endCursor } } recountRun(id: ${own.finishedRun}) { changes { pageInfo { endCursor } } } }`,
    );
    const end = (connection: { pageInfo: { endCursor: string } }) => connection.pageInfo.endCursor;
    world = {
      ...own,
      cursors: {
        courses: end(data.courses),
        enrollments: end(data.enrollments),
        recountRuns: end(data.recountRuns),
        changes: end(data.recountRun.changes),
      },
    };
  });
  afterAll(() => api.stop());

  const send = (place: Place, value: unknown, token: string | null = admin, beside?: object): Promise<Answer> => {
    const { query, variables } = operationFor(place, [value], fill, { beside });
    return api.send(token, query, variables);
  };

  async function rows(): Promise<unknown[]> {
    const tables = ['core_user', 'core_course', 'core_enrollments', 'core_recount_runs', 'core_recount_changes'];
    return Promise.all(
      tables.map(table => api.database.em.getConnection().execute(`select * from ${table} order by id`)),
    );
  }

  async function withoutChange(work: () => Promise<unknown>): Promise<void> {
    const before = await rows();
    await work();
    expect(await rows()).toEqual(before);
  }

  function expectRefused(answer: Answer, place: Place, { value, quotes, says, index, told }: Refusal): void {
    const what = `${JSON.stringify(value).slice(0, 60)} for ${place.path.join('.')}`;
    const path = [...place.path, ...(index === undefined ? [] : [String(index)])];
    const { errors, data } = answer;
    const mistakes = told ? resultOf(place, data)?.userErrors : errors;
    if (told)
      expect([errors, mistakes?.map(({ code, field }: any) => [code, field])], what).toEqual([
        undefined,
        [[told, path]],
      ]);
    else
      expect(
        errors?.map(({ extensions }) => extensions),
        what,
      ).toEqual([{ code: 'BAD_USER_INPUT', argument: path.join('.') }]);
    const [{ message }] = mistakes;
    expectReadable(message);
    expect(message, what).toContain(quotes);
    expect(message, what).toMatch(says);
  }

  // On the servers only a part: most input is rejected before a statement is sent.
  const some = <Value>(values: readonly Value[], every = 7): Value[] =>
    values.filter((_, index) => kind === 'sqlite' || index % every === 0);

  it.each(some(namedPlaces, 3))('bad input is rejected with its reason and changes nothing: %s', async (_, place) => {
    await withoutChange(() =>
      each(some(kindOf(place.coordinate).refused(world)), async refusal =>
        expectRefused(await send(place, refusal.value), place, refusal),
      ),
    );
  });

  it.each(namedPlaces.filter(([, { coordinate }]) => kinds[coordinate]?.missing))(
    'the id of another type, or of nothing, is not found: %s',
    async (_, place) => {
      await withoutChange(() =>
        each(kindOf(place.coordinate).missing!(world), async value => {
          const { data, errors } = await send(place, value);
          expect(errors).toBeUndefined();
          const result = resultOf(place, data);
          if (result === null) expect(place.root).toBe('query');
          else if (place.root === 'query') expect(result.totalCount).toBe(0);
          else {
            const field = Array.isArray(value) ? [...place.path, '0'] : place.path;
            expect(result.userErrors).toEqual([
              { code: 'NOT_FOUND', field, message: expect.stringContaining(`${String(value)} does not exist`) },
            ]);
          }
        }),
      );
    },
  );

  it.each(
    some(
      namedPlaces.filter(([, { coordinate }]) => kinds[coordinate]?.right),
      5,
    ),
  )('valid input that looks invalid is accepted: %s', async (_, place) => {
    for (const { value, beside, check } of kindOf(place.coordinate).right!(world)) {
      const { data, errors } = await send(place, value, admin, beside);
      expect(errors, JSON.stringify(value)?.slice(0, 60)).toBeUndefined();
      check(resultOf(place, data), place);
    }
  });

  it.each(namedPlaces.filter(([, { path }]) => path[0] === 'first'))(
    'a page of both the first and the last rows is rejected: %s',
    async (_, place) => {
      const { query } = operationFor(place, [1], fill, { literally: true });
      const { errors } = await api.send(admin, query.replace('first: 1', 'first: 1, last: 2'));
      expect(errors?.map(({ message, extensions }) => [message, extensions])).toEqual([
        [
          'first, last: 1 and 2 contradict each other; give one of them.',
          { code: 'BAD_USER_INPUT', argument: 'first, last' },
        ],
      ]);
    },
  );
});

describe('bad input of callers without access', () => {
  let api: Api;
  let world: Surroundings;
  const fill: Filling = coordinate => kindOf(coordinate).valid?.(world) ?? null;
  const isAccess = (outcome: string): boolean => outcome === 'UNAUTHENTICATED' || outcome === 'FORBIDDEN';

  beforeAll(async () => {
    api = await startApi('sqlite');
    world = { ...(await newWorld(api)), cursors: { courses: 'a', enrollments: 'b', recountRuns: 'c', changes: 'd' } };
  });
  afterAll(() => api.stop());

  it.each(namedPlaces.filter(([, { route }]) => route.length === 1))(
    'bad input of callers without access is not examined: %s',
    async (_, place) => {
      const refusals = kindOf(place.coordinate).refused(world);
      const cases = [...queries, ...mutations].filter(({ field }) => field === place.route[0]!.name);
      for (const caller of ['anonymous', 'student', 'teacher'] as const) {
        const outcomes = cases.map(one => one.outcomes[callers.indexOf(caller)]!);
        if (!outcomes.every(isAccess)) continue;
        for (const { value } of [refusals[0], refusals.at(-1)].filter(one => one !== undefined)) {
          const { query, variables } = operationFor(place, [value], fill);
          const { errors } = await api.send(await tokenOf(api, world, caller), query, variables);
          expect(
            errors?.map(({ extensions }) => extensions),
            caller,
          ).toEqual([{ code: outcomes[0] }]);
        }
      }
    },
  );
});

/** Runs some work for each value, a few at once. */
async function each<Value>(values: readonly Value[], work: (value: Value) => Promise<void>): Promise<void> {
  const waiting = values[Symbol.iterator]();
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      for (const value of waiting) await work(value);
    }),
  );
}
