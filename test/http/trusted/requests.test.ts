import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Role } from '../../../src/entities/index.js';
import { addCourse, startApi, type Api } from '../../support/api.js';
import { beginSocket } from '../../support/raw-socket.js';
import { keptLog } from '../../support/log-lines.js';
import { hashOf, trustedFolder } from '../../support/trusted-folder.js';

const texts = {
  list: 'query List($first: Int) {\n  courses(first: $first) {\n    totalCount\n    nodes {\n      id\n      enrollments(first: 100) {\n        nodes {\n          id\n          student {\n            id\n            name\n          }\n          course {\n            id\n          }\n        }\n      }\n    }\n  }\n}',
  count: 'query Count { courses { totalCount } }',
  add: 'mutation Add($input: CreateCourseInput!) { createCourse(input: $input) { course { id } } }',
  watch: 'subscription Watch { courseCountsChanged { courseId } }',
  several: 'query A { courses { totalCount } } query B { me { id } }',
};
const folder = trustedFolder({
  'apollo.json': {
    format: 'apollo-persisted-query-manifest',
    version: 1,
    operations: [
      { id: 'list-1', name: 'List', type: 'query', body: texts.list },
      { id: hashOf(texts.watch), name: 'Watch', type: 'subscription', body: texts.watch },
    ],
  },
  'relay/persisted_queries.json': { '0123456789abcdef0123456789abcdef': texts.add, 'the-watch': texts.watch },
  'pairs.json': [['pair', texts.several]],
  'count.graphql': `${texts.count}\n`,
  '..data/hidden.json': 'this is not read',
});
const open = 'query Open { courses { totalCount } }';

describe('a server with trusted documents', () => {
  const log = keptLog();
  let api: Api;

  beforeAll(async () => {
    api = await startApi('sqlite', { env: { TRUSTED_DOCUMENTS: folder.folder }, logger: log.logger });
    await addCourse(api.database);
  });
  afterAll(async () => {
    await api.stop();
    folder.remove();
  });

  interface Reply {
    readonly status: number;
    readonly body: { data?: Record<string, never>; errors?: { message: string; extensions: { code: string } }[] };
  }

  const replyOf = async (response: Response): Promise<Reply> => ({
    status: response.status,
    body: (await response.json()) as Reply['body'],
  });
  const post = async (body: object, accept = 'application/graphql-response+json'): Promise<Reply> =>
    replyOf(
      await fetch(api.url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept,
          authorization: `Bearer ${await api.token(Role.ADMIN, null)}`,
        },
        body: JSON.stringify(body),
      }),
    );
  const get = async (parameters: Record<string, string>): Promise<Reply> =>
    replyOf(
      await fetch(`${api.url}?${new URLSearchParams(parameters)}`, {
        headers: { 'apollo-require-preflight': '1', accept: 'application/graphql-response+json' },
      }),
    );
  const persisted = (sha256Hash: unknown): object => ({ persistedQuery: { version: 1, sha256Hash } });
  const stream = (body: object): Promise<Response> =>
    fetch(`${api.url}/stream`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify(body),
    });
  const streamByGet = (parameters: Record<string, string>): Promise<Response> =>
    fetch(`${api.url}/stream?${new URLSearchParams(parameters)}`, { headers: { accept: 'text/event-stream' } });

  /** Returns every way in which a request can name a document by an id. */
  const waysOf = (id: string): object[] => [
    { documentId: id },
    { doc_id: id },
    { id },
    { extensions: persisted(id) },
    { query: null, documentId: id },
    { query: '', documentId: id },
  ];
  const { list, count, add, watch, several } = texts;
  const asText = (fields: object): Record<string, string> =>
    Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
    );

  it('a server with trusted documents runs each of them by each of its ids, by POST and by GET, and by its exact text', async () => {
    for (const id of ['list-1', hashOf(list), `sha256:${hashOf(list)}`]) {
      for (const way of waysOf(id)) {
        expect(await post({ ...way, variables: { first: 1 } }), JSON.stringify(way)).toMatchObject({
          status: 200,
          body: { data: { courses: { totalCount: 1 } } },
        });
        if (!('query' in way))
          expect(await get(asText({ ...way, variables: { first: 0 } })), JSON.stringify(way)).toEqual({
            status: 200,
            body: { data: { courses: { totalCount: 1, nodes: [] } } },
          });
      }
    }
    for (const way of [
      { query: count },
      { query: `${count}\n` },
      { documentId: hashOf(count) },
      { documentId: hashOf(`${count}\n`) },
      { query: count, extensions: persisted(hashOf(count)) },
    ]) {
      expect(await post(way)).toMatchObject({ status: 200, body: { data: { courses: { totalCount: 1 } } } });
      expect(await get(asText(way))).toMatchObject({ status: 200, body: { data: { courses: { totalCount: 1 } } } });
    }
    expect(await post({ id: 'pair', operationName: 'A' })).toMatchObject({
      status: 200,
      body: { data: { courses: { totalCount: 1 } } },
    });
    expect((await post({ id: 'pair' })).body.errors![0]!.extensions.code).toBe('OPERATION_RESOLUTION_FAILURE');
    expect((await post({ query: several, operationName: 'C' })).body.errors![0]!.extensions.code).toBe(
      'OPERATION_RESOLUTION_FAILURE',
    );
  });

  it('a server with trusted documents runs mutations by POST, and rejects them by GET', async () => {
    expect(
      await post({ documentId: '0123456789abcdef0123456789abcdef', variables: { input: { title: 'New' } } }),
    ).toMatchObject({ status: 200, body: { data: { createCourse: { course: {} } } } });
    expect(await get(asText({ documentId: hashOf(add), variables: { input: { title: 'New' } } }))).toMatchObject({
      status: 405,
      body: { errors: [{ extensions: { code: 'BAD_REQUEST' } }] },
    });
    await api.database.em.getConnection().execute("delete from core_course where title = 'New'");
  });

  it('a server with trusted documents rejects every other request with DOCUMENT_NOT_TRUSTED and 400, in either media type, and parses nothing of it', async () => {
    const others: readonly object[] = [
      { query: open },
      { query: `${list} ` },
      { query: '{ not even GraphQL' },
      { query: `{ ${'a '.repeat(50_000)} }` },
      { query: '{ __schema { queryType { name } } }' },
      { query: '{ __typename }' },
      { query: '#' },
      ...waysOf('unknown'),
      ...waysOf(hashOf(open)),
      ...waysOf('__proto__'),
      ...waysOf('constructor'),
      ...waysOf('List'),
      { documentId: 7 },
      { documentId: ['list-1'] },
      { documentId: { toString: 'list-1' } },
      { extensions: persisted({ a: 1 }) },
      { extensions: persisted(null) },
      { extensions: {} },
      { operationName: 'List' },
      { query: open, documentId: 'list-1' },
      { query: open, extensions: persisted(hashOf(open)) },
      { query: open, extensions: persisted(hashOf(list)) },
      { query: list, documentId: hashOf(count) },
      { documentId: 'list-1', id: 'pair' },
    ];
    log.clear();
    for (const accept of ['application/graphql-response+json', 'application/json']) {
      for (const body of others) {
        const { status, body: answer } = await post(body, accept);
        expect([
          JSON.stringify(body).slice(0, 100),
          status,
          answer.errors?.map(({ extensions }) => extensions),
          answer.data,
        ]).toEqual([JSON.stringify(body).slice(0, 100), 400, [{ code: 'DOCUMENT_NOT_TRUSTED' }], undefined]);
      }
    }
    for (const body of others.slice(0, 12))
      expect(await get(asText(body)), JSON.stringify(body).slice(0, 100)).toMatchObject(
        JSON.stringify(body).length > 15_000
          ? { status: 431 }
          : { status: 400, body: { errors: [{ extensions: { code: 'DOCUMENT_NOT_TRUSTED' } }] } },
      );
    expect(log.lines().filter(({ level }) => level >= 40)).toEqual([]);
  });

  it('a server with trusted documents never treats a rejected document as trusted, nor registers it by its hash', async () => {
    for (let again = 0; again < 2; again += 1)
      expect((await post({ query: open, extensions: persisted(hashOf(open)) })).status).toBe(400);
    expect((await post({ extensions: persisted(hashOf(open)) })).body.errors![0]!.extensions.code).toBe(
      'DOCUMENT_NOT_TRUSTED',
    );
  });

  it('a server with trusted documents applies the limits to them too, because a variable can make them costly', async () => {
    expect((await post({ documentId: 'list-1', variables: { first: 100 } })).body.errors?.[0]?.extensions.code).toBe(
      'QUERY_TOO_COSTLY',
    );
  });

  it('a server with trusted documents serves their subscriptions by server-sent events, and no others', async () => {
    const ways = [
      { query: watch },
      ...waysOf('the-watch'),
      ...waysOf(hashOf(watch)),
      ...waysOf(`sha256:${hashOf(watch)}`),
    ];
    for (const way of ways) {
      for (const response of [
        await stream(way),
        ...('query' in way && way.query === null ? [] : [await streamByGet(asText(way))]),
      ]) {
        const parts = response.body!.getReader();
        let text = '';
        while (response.status === 200 && !text.includes('courseId'))
          text += Buffer.from((await parts.read()).value).toString();
        expect([response.status, text], JSON.stringify(way)).toEqual([
          200,
          expect.stringContaining('event: next\ndata: {"data":{"courseCountsChanged":{"courseId":"1"}}}'),
        ]);
        await parts.cancel();
      }
    }
    for (const body of [
      { query: 'subscription { courseCountsChanged { courseId } }' },
      {},
      ...waysOf('unknown'),
      { query: watch, id: 'pair' },
    ]) {
      for (const response of [await stream(body), await streamByGet(asText(body))]) {
        expect(
          [response.status, ((await response.json()) as Reply['body']).errors?.map(({ extensions }) => extensions)],
          JSON.stringify(body),
        ).toEqual([400, [{ code: 'DOCUMENT_NOT_TRUSTED' }]]);
      }
    }
    expect(await (await stream({ documentId: 'list-1' })).text()).toContain('"code":"BAD_REQUEST"');
  });

  it('a server with trusted documents serves their subscriptions by WebSocket, and no others', async () => {
    const connection = await beginSocket(api.url);
    let id = 0;
    const outcome = async (payload: object): Promise<unknown> => {
      connection.send({ id: String(++id), type: 'subscribe', payload });
      const message = await connection.next();
      connection.send({ id: String(id), type: 'complete' });
      return message.type === 'next' ? message.payload : message;
    };
    for (const way of [{ query: watch }, ...waysOf('the-watch'), ...waysOf(hashOf(watch))])
      expect(await outcome(way), JSON.stringify(way)).toEqual({ data: { courseCountsChanged: { courseId: '1' } } });
    for (const payload of [{ query: 'subscription { courseCountsChanged { courseId } }' }, {}, ...waysOf('unknown')]) {
      expect(await outcome(payload), JSON.stringify(payload)).toMatchObject({
        type: 'error',
        payload: [{ extensions: { code: 'DOCUMENT_NOT_TRUSTED' } }],
      });
    }
    connection.socket.close();
    await connection.closed;
  });

  it('a server with trusted documents has no pages for exploring', async () => {
    const page = await fetch(api.url, { headers: { accept: 'text/html' } });
    expect([page.status, (await fetch(new URL('/explorer', api.url))).status]).toEqual([400, 404]);
    expect(await page.text()).not.toContain('<html');
  });
});
