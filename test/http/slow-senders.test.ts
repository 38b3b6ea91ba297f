import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type Api } from '../support/api.js';
import { promptly } from '../support/wait.js';
import { growthOf, scrape } from '../support/metrics.js';
import { answerToBytes, readReply } from '../support/raw-http.js';

const START = 'POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n';

describe('a client that does not send its request in time', () => {
  let api: Api;

  beforeAll(async () => {
    // Less than the default, but more than a busy machine needs between a connection and its request.
    api = await startApi('sqlite', { arrival: { headers: 1500, request: 2500, checkMs: 50 } });
  });
  afterAll(() => api.stop());

  it.concurrent.each([
    ['nothing at all', ''],
    ['a part of the first line', 'POST /gra'],
    ['a part of the headers', START],
    ['a part of the body', `${START}content-length: 100\r\n\r\n{"query":`],
    ['a part of a body in chunks', `${START}transfer-encoding: chunked\r\n\r\n5\r\n{"que\r\n`],
  ])(
    'a slow client is answered with 408 in the form of all errors and loses its connection, where it has sent %s',
    async (_, bytes) => {
      const { status, headers, body } = await answerToBytes(api.url, bytes);
      const { errors } = JSON.parse(body) as { errors: { message: string; extensions: { code: string } }[] };
      expect([status, headers['connection'], errors.map(({ extensions }) => extensions.code)]).toEqual([
        408,
        'close',
        ['REQUEST_TIMEOUT'],
      ]);
      expect(errors[0]!.message).toBe(
        'The request did not arrive in time: its headers within 1.5 s, all of it within 2.5 s. Send it again.',
      );
    },
  );

  it('a slow client gains no time by sending byte after byte', async () => {
    const { hostname, port } = new URL(api.url);
    const socket = connect({ host: hostname, port: Number(port) });
    let all = '';
    socket
      .setEncoding('utf8')
      .on('data', part => (all += String(part)))
      .on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(`${START}x-long: `);
    // Few enough to stay below the limit of all headers.
    const sending = setInterval(() => socket.write('x'), 20);
    await promptly(once(socket, 'close'), 'The connection goes on as long as bytes come.').finally(() =>
      clearInterval(sending),
    );
    expect(readReply(all).status).toBe(408);
  });

  it('a slow client is counted as one without an answer of GraphQL, and others are served meanwhile', async () => {
    const before = await scrape(api.metricsUrl);
    const slow = answerToBytes(api.url, START);
    expect(await api.send(null, '{ __typename }')).toMatchObject({ status: 200, data: { __typename: 'Query' } });
    await slow;
    const grown = Object.entries(growthOf(before, await scrape(api.metricsUrl)));
    expect(grown.filter(([series]) => series.includes('408')).map(([, by]) => by)).toEqual([1]);
  });
});
