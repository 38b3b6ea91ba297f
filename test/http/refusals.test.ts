import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type Api } from '../support/api.js';
import { answerToBytes } from '../support/raw-http.js';

describe('a request that never reaches GraphQL', () => {
  let api: Api;

  beforeAll(async () => {
    api = await startApi('sqlite');
  });
  afterAll(() => api.stop());

  const json = { 'content-type': 'application/json' };
  const cases: [what: string, path: string, init: RequestInit, status: number, code: string, message: RegExp][] = [
    [
      'a body that is too large',
      '/graphql',
      { method: 'POST', headers: json, body: `"${'x'.repeat(1_048_575)}"` },
      413,
      'PAYLOAD_TOO_LARGE',
      /1048576 bytes \(1 MiB\), and this one has 1048577\. .*several requests/,
    ],
    [
      'a body that is no JSON',
      '/graphql',
      { method: 'POST', headers: json, body: '{"query":' },
      400,
      'BAD_REQUEST',
      /not valid JSON\. POST a JSON object such as/,
    ],
    [
      'an empty body',
      '/graphql',
      { method: 'POST', headers: json, body: '' },
      400,
      'BAD_REQUEST',
      /POST a JSON object/,
    ],
    [
      'a body that would change prototypes',
      '/graphql',
      { method: 'POST', headers: json, body: '{"query":"{ me { id } }","__proto__":{"a":1}}' },
      400,
      'BAD_REQUEST',
      /not valid JSON/,
    ],
    [
      'plain text',
      '/graphql',
      { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '{ me { id } }' },
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      /"text\/plain"\. Send JSON, .*application\/json/,
    ],
    [
      'a form',
      '/graphql',
      { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'query=1' },
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      /x-www-form-urlencoded/,
    ],
    [
      'a file',
      '/graphql',
      { method: 'POST', headers: { 'content-type': 'multipart/form-data; boundary=x' }, body: '--x--' },
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      /multipart/,
    ],
    [
      'a body that is compressed',
      '/graphql',
      { method: 'POST', headers: { ...json, 'content-encoding': 'gzip' }, body: gzipSync('{"query":"{ me { id } }"}') },
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      /encoded as "gzip"\. Send JSON as it is/,
    ],
    [
      'a body of no type',
      '/graphql',
      { method: 'POST', body: new Uint8Array([123, 125]) },
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      /no Content-Type/,
    ],
    [
      'an unknown path',
      '/graph?x=1',
      { method: 'POST', headers: json, body: '{}' },
      404,
      'NOT_FOUND',
      /nothing at \/graph\. POST/,
    ],
    [
      'a method that GraphQL does not take',
      '/graphql?x=1',
      { method: 'PUT', headers: json, body: '{}' },
      405,
      'METHOD_NOT_ALLOWED',
      /\/graphql does not accept PUT, only GET and POST/,
    ],
    [
      'a method that a check does not take',
      '/healthz',
      { method: 'POST' },
      405,
      'METHOD_NOT_ALLOWED',
      /\/healthz does not accept POST, only GET/,
    ],
  ];

  it.each(cases)(
    'a request that never reaches GraphQL is answered in the form of GraphQL: %s',
    async (_, path, init, status, code, message) => {
      for (const type of ['application/json', 'application/graphql-response+json'] as const) {
        const headers = { ...(init.headers as Record<string, string>), accept: type, 'x-request-id': 'refused-1' };
        const response = await fetch(new URL(path, api.url), { ...init, headers });
        expect([response.status, response.headers.get('content-type'), response.headers.get('x-request-id')]).toEqual([
          status,
          `${type}; charset=utf-8`,
          'refused-1',
        ]);
        expect(response.headers.get('cache-control')).toBe('no-store');
        expect(await response.json()).toEqual({
          errors: [{ message: expect.stringMatching(message) as string, extensions: { code } }],
        });
      }
    },
  );

  it('a rejection because of the method names the methods that a path accepts', async () => {
    expect((await fetch(api.url, { method: 'DELETE' })).headers.get('allow')).toBe('GET, POST');
    expect((await fetch(new URL('/readyz', api.url), { method: 'DELETE' })).headers.get('allow')).toBe('GET');
  });

  it('a rejected request gets the media type that it prefers', async () => {
    const typeFor = async (accept: string) =>
      (await fetch(new URL('/nowhere', api.url), { headers: { accept } })).headers.get('content-type');
    expect(await typeFor('application/json;q=0.5, application/graphql-response+json')).toBe(
      'application/graphql-response+json; charset=utf-8',
    );
    expect(await typeFor('text/html, */*;q=0.1')).toBe('application/json; charset=utf-8');
    expect(await typeFor('text/html')).toBe('application/json; charset=utf-8');
  });

  it.each([
    [
      'headers that are too large',
      `GET /graphql?query=${'x'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`,
      '431',
      'HEADERS_TOO_LARGE',
      /16384 bytes together\. .*by POST/,
    ],
    [
      'a Host that is none',
      'GET /graphql?query={me{id}} HTTP/1.1\r\nhost: no host\r\nconnection: close\r\n\r\n',
      '400',
      'BAD_REQUEST',
      /Host is "no host"\. Send the name/,
    ],
    ['no Host', 'GET /graphql?query={me{id}} HTTP/1.0\r\n\r\n', '400', 'BAD_REQUEST', /Host is ""\. Send the name/],
    ['bytes that are no HTTP', '\u0016\u0003\u0001 hello\r\n\r\n', '400', 'BAD_REQUEST', /not an HTTP\/1\.1 request/],
  ])(
    'a request that cannot be parsed is answered in the form of GraphQL: %s',
    async (_, text, status, code, message) => {
      const { status: answered, body } = await answerToBytes(api.url, text);
      expect(answered).toBe(Number(status));
      expect(JSON.parse(body)).toEqual({
        errors: [{ message: expect.stringMatching(message) as string, extensions: { code } }],
      });
    },
  );
});

describe('an error in GraphQL', () => {
  let api: Api;

  beforeAll(async () => {
    api = await startApi('sqlite');
  });
  afterAll(() => api.stop());

  const statusOf = async (accept: string, query: string, variables = {}) => {
    const response = await fetch(api.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept },
      body: JSON.stringify({ query, variables }),
    });
    return [
      response.status,
      response.headers.get('content-type')?.split(';')[0],
      Object.keys((await response.json()) as object),
    ];
  };

  it.each([
    ['in a text that breaks off', '{ courses {', {}],
    ['in a field that there is not', '{ nothing }', {}],
    ['in a variable', 'query ($first: Int) { courses(first: $first) { totalCount } }', { first: 'ten' }],
    ['in the choice of the operation', 'query A { me { id } } query B { me { id } }', {}],
  ])('an error %s has the status of its media type', async (_, query, variables) => {
    expect(await statusOf('application/graphql-response+json', query, variables)).toEqual([
      400,
      'application/graphql-response+json',
      ['errors'],
    ]);
    expect(await statusOf('application/json', query, variables)).toEqual([200, 'application/json', ['errors']]);
    expect(await statusOf('*/*', query, variables)).toEqual([200, 'application/json', ['errors']]);
  });

  it('an error of a token has the status 401 in both media types', async () => {
    for (const accept of ['application/graphql-response+json', 'application/json']) {
      const response = await fetch(api.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept, authorization: 'Bearer no' },
        body: '{"query":"{ me { id } }"}',
      });
      expect([response.status, response.headers.get('content-type')?.split(';')[0]]).toEqual([401, accept]);
    }
  });
});
