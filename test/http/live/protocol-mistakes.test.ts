import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addCourse, startApi, type Api } from '../../support/api.js';
import { promptly } from '../../support/wait.js';
import { keptLog, type LogLine } from '../../support/log-lines.js';
import { beginSocket, openSocket, refusedSocket, type RawSocket } from '../../support/raw-socket.js';

const query = 'subscription { courseCountsChanged { courseId } }';
const init = { type: 'connection_init' };
const subscribe = (id: unknown, payload: unknown = { query }): object => ({ id, type: 'subscribe', payload });
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

/** A mistake of a client on a connection that has not begun, and the code with which it is closed. */
type Mistake = readonly [what: string, messages: readonly (object | string | Buffer)[], code: number];

const beforeBeginning: readonly Mistake[] = [
  ['text that is no JSON', ['{"type":'], 4400],
  ['an empty message', [''], 4400],
  ['JSON that is no object', ['null'], 4400],
  ['a list', ['[]'], 4400],
  ['lists within lists, 30,000 deep', [nested(30_000)], 4400],
  ['a message without a type', [{}], 4400],
  ['a type that is no text', [{ type: 1 }], 4400],
  ['a type that there is not', [{ type: 'start' }], 4400],
  ["a type of the server's: connection_ack", [{ type: 'connection_ack' }], 4400],
  ["a type of the server's: next", [{ type: 'next', id: '1', payload: {} }], 4400],
  ["a type of the server's: error", [{ type: 'error', id: '1', payload: [{ message: 'x' }] }], 4400],
  ['a payload that is no object', [{ type: 'connection_init', payload: 'x' }], 4400],
  ['bytes instead of text', [Buffer.from(JSON.stringify(init))], 4400],
  ['a subscription before connection_init', [subscribe('1')], 4401],
  ['connection_init twice', [init, init], 4429],
  ['an authorization that is no text', [{ type: 'connection_init', payload: { authorization: 7 } }], 4403],
  [
    'an authorization that is no bearer token',
    [{ type: 'connection_init', payload: { authorization: 'Basic x' } }],
    4403,
  ],
  [
    'a token of 60,000 characters',
    [{ type: 'connection_init', payload: { authorization: `Bearer ${'x'.repeat(60_000)}` } }],
    4403,
  ],
  [
    'connection_init of more than a message may have',
    [{ type: 'connection_init', payload: { long: 'x'.repeat(65_536) } }],
    1009,
  ],
];

const afterwards: readonly Mistake[] = [
  ['an id that is no text', [subscribe(1)], 4400],
  ['an empty id', [subscribe('')], 4400],
  ['no id', [{ type: 'subscribe', payload: { query } }], 4400],
  ['an id of 257 characters', [subscribe('x'.repeat(257))], 4400],
  ['an id twice', [subscribe('1'), subscribe('1')], 4409],
  ['an id of 256 characters of four bytes twice', [subscribe('😀'.repeat(128)), subscribe('😀'.repeat(128))], 4409],
  ['no payload', [{ id: '1', type: 'subscribe' }], 4400],
  ['a query that is no text', [subscribe('1', { query: 1 })], 4400],
  ['variables that are no object', [subscribe('1', { query, variables: [] })], 4400],
  ['a name of an operation that is no text', [subscribe('1', { query, operationName: 1 })], 4400],
  ['extensions that are no object', [subscribe('1', { query, extensions: 'x' })], 4400],
  ['a message of more than 64 KiB', ['x'.repeat(65_537)], 1009],
];

/** Unusual but valid messages: each is answered, and the connection goes on. */
const harmless: readonly (readonly [what: string, message: object | string, answer: object | null])[] = [
  ['a ping with a payload', { type: 'ping', payload: { at: 1 } }, { type: 'pong', payload: { at: 1 } }],
  [
    'a ping whose payload is 30,000 lists deep',
    `{"type":"ping","payload":{"deep":${nested(30_000)}}}`,
    { type: 'pong' },
  ],
  ['a pong', { type: 'pong' }, null],
  ['the end of a subscription that there is not', { type: 'complete', id: 'none' }, null],
  [
    'the id __proto__',
    subscribe('__proto__', { query: '{' }),
    { id: '__proto__', type: 'error', payload: [{ extensions: { code: 'GRAPHQL_PARSE_FAILED' } }] },
  ],
  [
    'the id constructor',
    subscribe('constructor', { query: '{' }),
    { id: 'constructor', type: 'error', payload: [{ extensions: { code: 'GRAPHQL_PARSE_FAILED' } }] },
  ],
  [
    'a query of nothing',
    subscribe('1', { query: '' }),
    { type: 'error', payload: [{ extensions: { code: 'GRAPHQL_PARSE_FAILED' } }] },
  ],
  [
    'a query 1,600 fields deep',
    subscribe('1', { query: `subscription ${'{a'.repeat(1600)}${'}'.repeat(1600)}` }),
    { type: 'error', payload: [{ extensions: { code: 'QUERY_TOO_DEEP' } }] },
  ],
  [
    'a query of 20,000 brackets',
    subscribe('1', { query: `subscription { a(b: ${nested(20_000)}) }` }),
    { type: 'error', payload: [{ extensions: { code: 'QUERY_TOO_DEEP' } }] },
  ],
  [
    'variables 10,000 lists deep',
    `{"type":"subscribe","id":"1","payload":{"query":"subscription ($ids: [ID!]) { courseCountsChanged(courseIds: $ids) { courseId } }","variables":{"ids":${nested(10_000)}}}}`,
    { type: 'error', payload: [{ extensions: { code: 'BAD_USER_INPUT' } }] },
  ],
  [
    'a name of an operation of 60,000 characters',
    subscribe('1', { query, operationName: 'x'.repeat(60_000) }),
    { type: 'error', payload: [{ extensions: { code: 'OPERATION_RESOLUTION_FAILURE' } }] },
  ],
];

describe("a client's mistake by WebSocket", () => {
  const log = keptLog('debug');
  let api: Api;

  beforeAll(async () => {
    api = await startApi('sqlite', { logger: log.logger });
    await addCourse(api.database);
  });
  afterAll(() => api.stop());

  /** Asserts that nothing was logged as an error or a warning. */
  const expectCalm = (): void => expect(log.lines().filter(({ level }) => level >= 40)).toEqual([]);

  /** Expects the close code, with a reason that fits its frame. */
  async function expectClosed({ closed }: RawSocket, code: number): Promise<void> {
    const [actual, reason] = await promptly(closed, 'The connection is still open.');
    expect([actual, reason.length > 0 || code === 1009]).toEqual([code, true]);
    // On this side the code of a connection with unreadable frames is 1006.
    await log.until(
      (line: LogLine) =>
        line.msg === 'websocket' && [code, ...(code < 4000 ? [1006] : [])].includes(line['code'] as number),
    );
    expectCalm();
    log.clear();
  }

  it.each(beforeBeginning)(
    "a client's mistake closes the WebSocket with its code and no error in the log: %s",
    async (_what, messages, code) => {
      const connection = await openSocket(api.url);
      connection.send(...messages);
      await expectClosed(connection, code);
    },
  );

  it.each(afterwards)(
    "a client's mistake closes an initialized WebSocket with its code and no error in the log: %s",
    async (_what, messages, code) => {
      const connection = await beginSocket(api.url);
      connection.send(...messages);
      await expectClosed(connection, code);
    },
  );

  it('a wrong subprotocol closes the WebSocket with 4406', async () => {
    await expectClosed(await openSocket(api.url, {}, []), 4406);
    // This client disconnects by itself if the server accepts none of its subprotocols.
    for (const subprotocol of ['graphql-ws', 'nothing-known'])
      await expect(openSocket(api.url, {}, subprotocol)).rejects.toThrow('Server sent no subprotocol');
    expectCalm();
    log.clear();
  });

  it('a violation of WebSocket itself closes the connection with a code of WebSocket', async () => {
    const raw = (connection: RawSocket): { write: (bytes: Buffer) => void } =>
      (connection.socket as unknown as { _socket: { write: (bytes: Buffer) => void } })._socket;
    const mask = [0, 0, 0, 0];
    const frames: readonly (readonly [bytes: readonly number[], code: number])[] = [
      [[0x81, 0x82, ...mask, 0xc3, 0x28], 1007], // Text that is not UTF-8.
      [[0x81, 0x02, 0x7b, 0x7d], 1002], // A frame without a mask.
      [[0xf1, 0x80, ...mask], 1002], // Reserved bits.
      [[0x80, 0x80, ...mask], 1002], // The continuation of nothing.
      [[0x89, 0xfe, 0x00, 0x7e, ...mask], 1002], // A ping longer than 125 bytes.
      [[0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, ...mask], 1009], // A frame longer than a number can be.
    ];
    for (const [bytes, code] of frames) {
      const connection = await beginSocket(api.url);
      raw(connection).write(Buffer.from(bytes));
      const [actual] = await promptly(connection.closed, `Frame ${Buffer.from(bytes).toString('hex')} was taken.`);
      expect([Buffer.from(bytes).toString('hex'), actual]).toEqual([Buffer.from(bytes).toString('hex'), code]);
    }
    expectCalm();
    log.clear();
  });

  it('a message of many small fragments closes the WebSocket instead of filling memory', async () => {
    const { socket, closed } = await beginSocket(api.url);
    for (let piece = 0; piece < 100; piece += 1) socket.send('x', { fin: false });
    expect(await promptly(closed, 'The pieces were all kept.')).toEqual([1008, '']);
    expectCalm();
    log.clear();
  });

  it('an unusual but valid message is answered, and the WebSocket goes on', async () => {
    const connection = await beginSocket(api.url);
    for (const [what, message, answer] of harmless) {
      connection.send(message);
      if (answer) expect(await connection.next(), what).toMatchObject(answer);
      connection.send({ type: 'ping' });
      expect(await connection.next(), what).toEqual({ type: 'pong' });
    }
    expectCalm();
    connection.socket.close();
    await connection.closed;
    log.clear();
  });

  it('a mistake in the request for a WebSocket is answered in the form of the other rejections, with its id', async () => {
    const refusal = await refusedSocket(api.url, { 'sec-websocket-key': 'none', 'x-request-id': 'mine' });
    expect(refusal).toMatchObject({
      status: 400,
      code: 'BAD_REQUEST',
      headers: { 'x-request-id': 'mine', 'cache-control': 'no-store' },
    });
    await log.until(({ msg, status, requestId }) => msg === 'request' && status === 400 && requestId === 'mine');
    expectCalm();
  });

  it('a client that resets the connection in the middle of anything causes no error', async () => {
    for (const messages of [[], [init], [init, subscribe('1')], [init, subscribe('1'), subscribe('1')]]) {
      const connection = await openSocket(api.url);
      connection.send(...messages);
      (connection.socket as unknown as { _socket: { resetAndDestroy: () => void } })._socket.resetAndDestroy();
      await connection.closed;
    }
    const late = await beginSocket(api.url);
    late.send({ type: 'ping' });
    await once(late.socket, 'message');
    expectCalm();
    late.socket.close();
    await late.closed;
  });
});
