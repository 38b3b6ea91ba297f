import { afterEach, describe, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { addCourse, startApi, type Api, type ApiOptions } from '../support/api.js';
import { protocols, subscribeBy } from '../support/live-clients.js';
import { keptLog, type KeptLog } from '../support/log-lines.js';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;
const production = { NODE_ENV: 'production', JWT_SECRET: 'a secret of this test, more than thirty-two bytes' };
/** A token in the form of an identity provider, so that its keys are requested. */
const ITS_TOKEN = [{ alg: 'ES256', kid: 'one' }, { sub: '1', role: 'admin', exp: 4_102_444_800 }, 'x']
  .map(part => Buffer.from(JSON.stringify(part)).toString('base64url'))
  .join('.');

let api: Api | undefined;
let log: KeptLog;

async function start(options: ApiOptions = {}): Promise<Api> {
  log = keptLog();
  return (api = await startApi('sqlite', { ...options, logger: log.logger }));
}
afterEach(() => api?.stop());

const guessed: [string, object, string][] = [
  ['{ courses { nodes { titel } } }', {}, 'GRAPHQL_VALIDATION_FAILED'],
  ['{ course { totalCount } }', {}, 'GRAPHQL_VALIDATION_FAILED'],
  ['{ courses(frist: 1) { totalCount } }', {}, 'GRAPHQL_VALIDATION_FAILED'],
  ['{ courses(orderBy: { field: TITLES }) { totalCount } }', {}, 'GRAPHQL_VALIDATION_FAILED'],
  ['{ courses(filter: { titel: {} }) { totalCount } }', {}, 'GRAPHQL_VALIDATION_FAILED'],
  ['query ($id: IDS) { course(id: $id) { id } }', {}, 'GRAPHQL_VALIDATION_FAILED'],
  ['{ courses { ... on CourseConnections { totalCount } } }', {}, 'GRAPHQL_VALIDATION_FAILED'],
  [
    'query ($order: CourseOrder) { courses(orderBy: $order) { totalCount } }',
    { order: { field: 'TITLES' } },
    'BAD_USER_INPUT',
  ],
  [
    'query ($filter: CourseFilter) { courses(filter: $filter) { totalCount } }',
    { filter: { titel: {} } },
    'BAD_USER_INPUT',
  ],
];

describe('a message', () => {
  it('a message suggests what was meant, but not in production', async () => {
    const told = async (options: ApiOptions) => {
      const { send } = await start(options);
      const answers = [];
      for (const [query, variables] of guessed) answers.push(...(await send(null, query, variables)).errors!);
      await api!.stop();
      api = undefined;
      return answers;
    };
    const [open, hidden] = [await told({}), await told({ env: production })];
    expect(open.filter(({ message }) => /did you mean/i.test(message)).length).toBeGreaterThan(6);
    expect(hidden.filter(({ message }) => /did you mean|courseconnection"|"title"|"first"/i.test(message))).toEqual([]);
    expect(hidden.map(({ extensions }) => extensions.code)).toEqual(open.map(({ extensions }) => extensions.code));
    expect(new Set(hidden.map(({ extensions }) => extensions.code))).toEqual(
      new Set(guessed.map(([, , code]) => code)),
    );
  });

  it('a message is cut after 500 characters, and its quotes earlier, so that it still says what is wrong', async () => {
    const { send } = await start();
    const name = 'x'.repeat(100_000);
    const quoting = await send(null, 'query ($first: Int) { courses(first: $first) { totalCount } }', { first: name });
    expect(quoting.errors![0]!.message).toBe(
      `Variable "$first" got invalid value "${'x'.repeat(150)}… (99850 more)"; Int cannot represent non-integer value: "${'x'.repeat(150)}… (99850 more)"`,
    );
    const numbers = await send(null, 'query ($ids: CourseFilter) { courses(filter: $ids) { totalCount } }', {
      ids: Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`field${index}`, index])),
    });
    expect(numbers.errors![0]!.message).toMatch(
      /^Variable "\$ids" got invalid value \{ .+ \}; Field "field0" is not defined by type "CourseFilter"\.$/,
    );
    const cycle = Array.from({ length: 300 }, (_, index) => `fragment F${index} on Query { ...F${(index + 1) % 300} }`);
    const [around] = (await send(null, `{ ...F0 } ${cycle.join(' ')}`)).errors!;
    expect(around!.message).toMatch(/^Cannot spread fragment "F0" within itself via .+… \(\d+ more\)$/);
    expect(around!.message.length).toBeLessThan(530);
  });
});

describe('tokens while the keys to verify them are unavailable', () => {
  it.each(['is away', 'gives no keys'])(
    'a token is accepted in no protocol since the server of its keys %s, and the reason is logged once under the request’s id',
    async trouble => {
      const provider = createServer((_request, response) => void response.end('<html>'));
      await new Promise<void>(resolve => provider.listen(0, '127.0.0.1', resolve));
      const { port } = provider.address() as AddressInfo;
      const close = () => new Promise(resolve => provider.close(resolve));
      if (trouble === 'is away') await close();
      const { url } = await start({ env: { JWKS_URL: `http://127.0.0.1:${port}/keys` } });
      const headers = {
        authorization: `Bearer ${ITS_TOKEN}`,
        'content-type': 'application/json',
        'x-request-id': 'asked-1',
      };
      const answer = await fetch(url, { method: 'POST', headers, body: '{"query":"{ me { id } }"}' });
      const message = 'The identity provider does not return the keys that verify tokens now. Try again.';
      expect([answer.status, await answer.json()]).toEqual([
        503,
        { errors: [{ message, extensions: { code: 'KEYS_UNAVAILABLE' } }] },
      ]);
      expect(answer.headers.get('retry-after')).toBe('5');
      const reasons = () => log.lines().filter(({ msg }) => msg === 'the keys that verify tokens are not available');
      expect(reasons()).toEqual([
        expect.objectContaining({
          level: 50,
          requestId: 'asked-1',
          err: expect.objectContaining({ stack: expect.stringContaining('caused by') }),
        }),
      ]);
      for (const protocol of protocols) await subscribeBy(protocol, url, { token: ITS_TOKEN }).ended();
      // It is logged once, not once for each request of a flood.
      expect(reasons()).toHaveLength(1);
      expect(log.text()).not.toContain(ITS_TOKEN);
      if (trouble !== 'is away') await close();
    },
  );
});

describe.each(protocols)('an error in a subscription by %s', protocol => {
  it('an internal error in a subscription is masked, and logged in full under the id that it shows', async () => {
    const { url, database, token } = await start();
    await addCourse(database);
    await database.em.getConnection().execute('alter table core_course rename column title to gone', [], 'run');
    const client = subscribeBy(protocol, url, { token: await token(Role.ADMIN, null), courseIds: [1] });
    const { errors } = await client.next().catch((thrown: unknown) => ({
      errors: thrown as NonNullable<Awaited<ReturnType<typeof client.next>>['errors']>,
    }));
    expect(errors?.map(({ extensions }) => extensions)).toEqual([{ code: 'INTERNAL_SERVER_ERROR' }]);
    expect(errors![0]!.message).toMatch(/^Something went wrong on our side\. Its id in the log is /);
    expect(JSON.stringify(errors)).not.toMatch(/select|core_|title/);
    const id = UUID.exec(errors![0]!.message)![0];
    expect(log.lines().filter(({ errorId }) => errorId === id)).toEqual([
      expect.objectContaining({
        level: 50,
        err: expect.objectContaining({ message: expect.stringContaining('title') }),
      }),
    ]);
    client.close();
  });
});
