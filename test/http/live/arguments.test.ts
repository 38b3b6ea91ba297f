import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Role } from '../../../src/entities/index.js';
import { graphqlSchema } from '../../../src/graphql/schema.js';
import { idsOf, type Surroundings } from '../../graphql/bad-values.js';
import { addCourse } from '../../support/api.js';
import { promptly } from '../../support/wait.js';
import { addUsers } from '../../support/rows.js';
import { protocols, type CountsMessage } from '../../support/live-clients.js';
import { startLiveApi, type LiveApi } from './live-api.js';

const kind = idsOf('open', {
  refused: () => [
    { value: [], quotes: 'no course', says: /leave it out to subscribe to all courses\.$/ },
    {
      value: Array.from({ length: 1001 }, () => '1'),
      quotes: '1001',
      says: /one subscription may have 1000; open several\.$/,
    },
  ],
});
/** Values that are not lists of ids; and as literals, in the same order. */
const misfits = [[null], [true], [1.5], [['1']], [{ id: '1' }], true, 1.5, { id: '1' }];
const writtenOut = ['[null]', '[true]', '[1.5]', '[["1"]]', '[{ id: "1" }]', 'true', '1.5', '{ id: "1" }'];

describe.each(protocols)('the argument of a subscription by %s', protocol => {
  let live: LiveApi;
  let world: Surroundings;
  let client: ReturnType<typeof createClient>;

  beforeAll(async () => {
    live = await startLiveApi('sqlite');
    const users = await addUsers(live.api.database, Role.STUDENT, 3);
    world = {
      open: await addCourse(live.api.database),
      student: users[2],
      enrollment: 4,
      finishedRun: 5,
    } as unknown as Surroundings;
    client = createClient({ url: live.api.url.replace('http', 'ws'), retryAttempts: 0, lazyCloseTimeout: 60_000 });
  });
  afterAll(async () => {
    await client.dispose();
    await live.stop();
  });

  /** Returns the errors with which a subscription is rejected. */
  const refusalsOf = (query: string, variables?: Record<string, unknown>) =>
    promptly(errorsOf(query, variables), `It was not refused: ${JSON.stringify(variables ?? query).slice(0, 100)}`);

  async function errorsOf(query: string, variables: Record<string, unknown> = {}): Promise<CountsMessage['errors']> {
    if (protocol === 'ws')
      return client
        .iterate({ query, variables })
        .next()
        .then(
          ({ value }) => (value as CountsMessage).errors,
          (thrown: unknown) => thrown as CountsMessage['errors'],
        );
    const response = await fetch(`${live.api.url}/stream`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query, variables }),
    });
    return (JSON.parse(/^data: (.+)$/m.exec(await response.text())![1]!) as CountsMessage).errors;
  }
  const byVariable = (ids: unknown) =>
    refusalsOf('subscription ($ids: [ID!]) { courseCountsChanged(courseIds: $ids) { courseId } }', { ids });

  it('these are the only arguments of a subscription', () => {
    const { courseCountsChanged, ...others } = graphqlSchema().getSubscriptionType()!.getFields();
    expect([courseCountsChanged!.args.map(({ name, type }) => `${name}: ${String(type)}`), others]).toEqual([
      ['courseIds: [ID!]'],
      {},
    ]);
  });

  it('each bad value of the argument of a subscription is rejected with its path and the remedy', async () => {
    for (const { value, quotes, says, index } of kind.refused(world)) {
      const errors = await byVariable(value);
      if (protocol === 'ws' && JSON.stringify(value).length > 65_536) {
        // Longer than a message may be.
        expect(errors).toMatchObject({ code: 1009 });
        continue;
      }
      expect(
        errors?.map(({ extensions }) => extensions),
        quotes,
      ).toEqual([{ code: 'BAD_USER_INPUT', argument: index === undefined ? 'courseIds' : `courseIds.${index}` }]);
      const { message } = errors![0]!;
      expect(message).toContain(quotes);
      expect(message).toMatch(says);
      expect(message.length).toBeLessThanOrEqual(600);
    }
  });

  it('a subscription to the id of another type, or of nothing, is not found', async () => {
    for (const ids of kind.missing!(world))
      expect((await byVariable(ids))?.map(({ extensions }) => extensions)).toEqual([
        { code: 'NOT_FOUND', argument: 'courseIds.0' },
      ]);
  });

  it('each value of another type is rejected, in a variable and in the operation', async () => {
    for (const [index, value] of misfits.entries()) {
      const [error, ...more] = (await byVariable(value))!;
      expect([error!.extensions, more], JSON.stringify(value)).toEqual([{ code: 'BAD_USER_INPUT' }, []]);
      expect(error!.message).toMatch(/^Variable "\$ids" got invalid value/);
      const written = await refusalsOf(
        `subscription { courseCountsChanged(courseIds: ${writtenOut[index]}) { courseId } }`,
      );
      expect(
        written?.map(({ extensions }) => extensions.code),
        writtenOut[index],
      ).toEqual(['GRAPHQL_VALIDATION_FAILED']);
    }
    expect(live.clock.isAwaited).toBe(false);
  });
});
