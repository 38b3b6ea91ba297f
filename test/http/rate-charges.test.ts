import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addCourse, startApi, type Api } from '../support/api.js';
import {
  sendFrom,
  costOf,
  JSON_BODY,
  remainingPoints,
  RATE_LIMITS,
  newAddress,
  type Options,
  POINTS,
  SMALLEST_BODY,
  start,
} from '../support/rates.js';

describe('the charge to an address', () => {
  let api: Api;

  beforeAll(async () => {
    api = await startApi('sqlite', { env: { ...RATE_LIMITS, EXPLORER: 'on' } });
    await addCourse(api.database);
  });
  afterAll(() => api.stop());

  it('an address is charged the cost of the operation, and by the length of what it sends', async () => {
    const courses = await costOf(api, {
      body: JSON.stringify({ query: '{ courses(first: 10) { nodes { id title } } }' }),
    });
    expect(courses).toBeGreaterThan((await costOf(api)) + 20);
    const spaces = ' '.repeat(10_240);
    expect(await costOf(api, { body: `${SMALLEST_BODY}${spaces}` })).toBe((await costOf(api)) + 40);
    expect(await costOf(api, { method: 'GET', path: `/nothing?${'x'.repeat(10_240)}`, headers: {} })).toBe(
      (await costOf(api, { method: 'GET', path: '/nothing', headers: {} })) + 40,
    );
  });

  it('an address is charged for an invalid query by its length, even when nothing is left', async () => {
    const query = `{ nothing ${' '.repeat(5000)} }`;
    const deep = `{ courses { nodes { enrollments { nodes { course { enrollments { nodes { course { enrollments { nodes { course { enrollments { nodes { id } } } } } } } } } } } } } ${' '.repeat(5000)} }`;
    expect(await costOf(api, { body: JSON.stringify({ query }) })).toBeGreaterThan(100 + (120 * 5000) / 1024);
    expect(await costOf(api, { body: JSON.stringify({ query: deep }) })).toBeGreaterThan(100 + (120 * 5000) / 1024);
  });

  it('an address is charged for a body of unknown length as for the largest', async () => {
    const body = new Blob([SMALLEST_BODY]).stream();
    const answer = await fetch(api.url, {
      method: 'POST',
      headers: { ...JSON_BODY, 'x-forwarded-for': newAddress() },
      body,
      duplex: 'half',
    });
    expect([answer.status, remainingPoints(answer)]).toEqual([429, 0]);
  });

  it('an address is charged for an answer of 304 as for one of 200, and the charge is no part of its ETag', async () => {
    const address = newAddress();
    const options: Options = {
      method: 'GET',
      path: '/graphql?query={courses{totalCount}}',
      headers: { 'apollo-require-preflight': '1' },
    };
    const first = await sendFrom(api, address, options);
    const second = await sendFrom(api, address, options);
    const third = await sendFrom(api, address, {
      ...options,
      headers: { ...options.headers, 'if-none-match': first.headers.get('etag')! },
    });
    expect([first.status, second.status, third.status]).toEqual([200, 200, 304]);
    expect(second.headers.get('etag')).toBe(first.headers.get('etag'));
    expect(remainingPoints(second) - remainingPoints(third)).toBe(remainingPoints(first) - remainingPoints(second));
    expect(remainingPoints(first) - remainingPoints(second)).toBeGreaterThan(100);
  });

  it('the charge is shown with the cost to a request that asks for it, whose answer no cache stores', async () => {
    const options: Options = {
      method: 'GET',
      path: '/graphql?query={courses{totalCount}}',
      headers: { 'apollo-require-preflight': '1' },
    };
    const plain = await sendFrom(api, newAddress(), options);
    expect(((await plain.json()) as { extensions?: object }).extensions).toBeUndefined();
    expect(plain.headers.get('cache-control')).toBe('public, max-age=10');
    const shown = await sendFrom(api, newAddress(), {
      ...options,
      headers: { ...options.headers, 'graphql-cost-debug': '1' },
    });
    const { extensions } = (await shown.json()) as {
      extensions: { cost: { requested: number; actual: number; left: number } };
    };
    const used = POINTS - remainingPoints(shown);
    expect(extensions).toEqual({
      cost: { requested: expect.any(Number) as number, actual: used, left: remainingPoints(shown) },
    });
    expect(extensions.cost.requested).toBeGreaterThanOrEqual(used);
    expect([shown.headers.get('cache-control'), shown.headers.get('etag')]).toEqual(['no-store', null]);
    const other = await sendFrom(api, newAddress(), {
      ...options,
      headers: { ...options.headers, 'graphql-cost-debug': '0' },
    });
    expect(((await other.json()) as { extensions?: object }).extensions).toBeUndefined();
  });

  it('an address gets back the part of the cost that an operation did not use, and is told so', async () => {
    const { cost, standing } = await told(api, '{ courses(first: 100) { nodes { id title totalEnrollments } } }');
    expect(cost.requested).toBeGreaterThan(100 + 300);
    expect(cost.actual).toBeLessThan(100 + 50 + 20);
    expect([standing, cost.left]).toEqual([POINTS - cost.actual, POINTS - cost.actual]);
  });

  it.each([
    ['an answer with an error', '{ courses(first: 100) { nodes { id title } } recountRuns { totalCount } }'],
    ['a question about the schema', '{ courses(first: 100) { nodes { id title } } __type(name: "Course") { name } }'],
  ])('an address gets nothing back for %s', async (_, query) => {
    // It costs more than all points, as one operation may.
    const { cost, standing } = await told(api, query);
    expect([cost.actual, standing]).toEqual([cost.requested, Math.max(0, POINTS - cost.requested)]);
  });

  it('an operation whose cost is rejected does not run, and the answer says what it would have cost', async () => {
    const address = newAddress();
    const query = '{ courses(first: 100) { nodes { id title totalEnrollments activeEnrollments } } }';
    const costly: Options = { headers: { ...JSON_BODY, 'graphql-cost-debug': '1' }, body: JSON.stringify({ query }) };
    while (remainingPoints(await sendFrom(api, address)) > 100);
    // It has points for this request, which uses them up, and none for the operation.
    const statements = await api.statements(async () => {
      const refused = await sendFrom(api, address, costly);
      const { errors, extensions } = (await refused.json()) as {
        errors: { extensions: { code: string } }[];
        extensions: { cost: { requested: number; actual: number; left: number } };
      };
      expect([
        refused.status,
        errors.map(error => error.extensions.code),
        Number(refused.headers.get('retry-after')) > 3500,
      ]).toEqual([429, ['RATE_LIMITED'], true]);
      expect(extensions.cost.requested).toBeGreaterThan(extensions.cost.actual + 400);
      expect([extensions.cost.actual, extensions.cost.left]).toEqual([101, 0]);
    });
    expect(statements).toEqual([]);
  });

  it('an address is charged for a preflight too, which is delayed rather than rejected when nothing is left', async () => {
    let held = 0;
    const own = await start({
      holdRefusal: () => {
        held += 1;
        return Promise.resolve();
      },
    });
    const address = newAddress();
    const preflight: Options = {
      method: 'OPTIONS',
      headers: { origin: 'http://localhost:5173', 'access-control-request-method': 'POST' },
    };
    expect(remainingPoints(await sendFrom(own, address, preflight))).toBe(POINTS - 100);
    while (remainingPoints(await sendFrom(own, address, preflight)) > 0);
    expect(held).toBe(0);
    const { status, headers } = await sendFrom(own, address, preflight);
    expect([status, headers.get('access-control-allow-origin'), held]).toEqual([204, 'http://localhost:5173', 1]);
  });
});

/** Sends a query from an address of its own, and returns the cost in the answer and in its header. */
async function told(
  api: Api,
  query: string,
): Promise<{ cost: { requested: number; actual: number; left: number }; standing: number }> {
  const answer = await sendFrom(api, newAddress(), {
    headers: { ...JSON_BODY, 'graphql-cost-debug': '1' },
    body: JSON.stringify({ query }),
  });
  const { extensions } = (await answer.json()) as {
    extensions: { cost: { requested: number; actual: number; left: number } };
  };
  return { cost: extensions.cost, standing: remainingPoints(answer) };
}
