import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Agent, get as httpGet, type IncomingMessage, type Server } from 'node:http';
import { Readable } from 'node:stream';
import { brotliCompressSync, brotliDecompressSync, constants, gunzipSync } from 'node:zlib';
import { fastify } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config/config.js';
import { addBrowserRules } from '../../src/http/answers/browser-rules.js';
import { setPageHeaders } from '../../src/http/exploring/page-headers.js';
import { compressAndTag } from '../../src/http/answers/compress-and-tag.js';
import { addCourse, startApi, type Api } from '../support/api.js';

const production = { NODE_ENV: 'production', JWT_SECRET: 'a secret of this test, more than thirty-two bytes' };

describe('pages in browsers', () => {
  let apis: { development: Api; closed: Api; open: Api };

  beforeAll(async () => {
    const [development, closed, open] = await Promise.all([
      startApi('sqlite'),
      startApi('sqlite', { env: production }),
      startApi('sqlite', { env: { ...production, CORS_ORIGINS: 'https://school.example, https://app.example:8443' } }),
    ]);
    apis = { development, closed, open };
  });
  afterAll(() => Promise.all(Object.values(apis).map(api => api.stop())));

  const preflight = (api: Api, origin: string) =>
    fetch(api.url, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    });
  const allowedOrigin = async (api: Api, origin: string) => {
    const asked = await preflight(api, origin);
    const told = await fetch(api.url, {
      method: 'POST',
      headers: { origin, 'content-type': 'application/json' },
      body: '{"query":"{ __typename }"}',
    });
    expect(told.status).toBe(200);
    expect(told.headers.get('access-control-allow-origin')).toBe(asked.headers.get('access-control-allow-origin'));
    return asked.headers.get('access-control-allow-origin');
  };

  it('pages of the configured origins may send requests, and no others', async () => {
    for (const origin of ['https://school.example', 'https://app.example:8443'])
      expect(await allowedOrigin(apis.open, origin)).toBe(origin);
    for (const origin of [
      'http://school.example',
      'https://school.example.evil.example',
      'https://app.example',
      'null',
      'http://localhost:5173',
      'https://studio.apollographql.com',
    ]) {
      expect(await allowedOrigin(apis.open, origin), origin).toBeNull();
    }
  });

  it('pages of other origins may send no request in production, unless configured', async () => {
    for (const origin of ['https://school.example', 'https://studio.apollographql.com', 'http://localhost:5173'])
      expect(await allowedOrigin(apis.closed, origin), origin).toBeNull();
    expect((await preflight(apis.closed, 'https://school.example')).status).toBe(405);
  });

  it('all pages may send requests where all origins are configured, and none where none is', async () => {
    for (const [configured, allowed] of [
      ['*', '*'],
      ['none', undefined],
    ] as const) {
      const app = fastify();
      await addBrowserRules(app, readConfig({ CORS_ORIGINS: configured }));
      app.get('/', () => 'data');
      expect(
        (await app.inject({ url: '/', headers: { origin: 'http://localhost:5173' } })).headers[
          'access-control-allow-origin'
        ],
        configured,
      ).toBe(allowed);
      await app.close();
    }
  });

  it("Apollo's explorers and the developer's own pages may send requests outside production", async () => {
    for (const origin of [
      'https://studio.apollographql.com',
      'https://sandbox.embed.apollographql.com',
      'http://localhost:5173',
      'https://127.0.0.1',
      'http://[::1]:3000',
    ]) {
      expect(await allowedOrigin(apis.development, origin)).toBe(origin);
    }
    for (const origin of [
      'https://evil.example',
      'http://localhost.evil.example',
      'https://evil.example/?http://localhost',
    ])
      expect(await allowedOrigin(apis.development, origin), origin).toBeNull();
  });

  it('pages may send a token, read the id of the request and the tag, and cache the preflight, without cookies', async () => {
    const { headers } = await preflight(apis.open, 'https://school.example');
    expect(headers.get('access-control-allow-methods')).toBe('GET, POST');
    expect(headers.get('access-control-allow-headers')).toBe('authorization,content-type');
    expect(headers.get('access-control-max-age')).toBe('7200');
    expect(headers.get('access-control-allow-credentials')).toBeNull();
    const told = await fetch(apis.open.url, {
      method: 'POST',
      headers: { origin: 'https://school.example', 'content-type': 'application/json' },
      body: '{"query":"{ __typename }"}',
    });
    expect(told.headers.get('access-control-expose-headers')).toBe(
      'x-request-id, etag, retry-after, ratelimit, ratelimit-policy',
    );
  });

  it('a client that is not a browser may also ask for the methods of a path', async () => {
    const { status, headers } = await fetch(apis.open.url, { method: 'OPTIONS' });
    expect([status, headers.get('access-control-allow-methods'), headers.get('access-control-allow-origin')]).toEqual([
      204,
      'GET, POST',
      null,
    ]);
  });

  it('browsers may do nothing with an answer but read it', async () => {
    for (const path of ['/graphql', '/healthz', '/nowhere']) {
      const { headers } = await fetch(new URL(path, apis.closed.url));
      expect(headers.get('content-security-policy'), path).toBe(
        "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
      );
      expect([
        headers.get('x-content-type-options'),
        headers.get('referrer-policy'),
        headers.get('x-powered-by'),
      ]).toEqual(['nosniff', 'no-referrer', null]);
      // Otherwise pages of the configured origins could not read it, whatever CORS says.
      expect(headers.get('cross-origin-resource-policy')).toBe('cross-origin');
      expect(headers.get('strict-transport-security')).toMatch(/max-age=31536000/);
    }
    expect((await fetch(apis.development.url)).headers.get('strict-transport-security')).toBeNull();
  });

  it('browsers receive the policy that a page sets itself', async () => {
    const app = fastify();
    await addBrowserRules(app, readConfig({}));
    app.get('/page', (_request, reply) => {
      setPageHeaders(reply, { 'script-src': ["'self'"] });
      return reply.send('page');
    });
    expect((await app.inject('/page')).headers['content-security-policy']).toMatch(
      /^default-src 'none'; connect-src 'self'; script-src 'self'; /,
    );
    await app.close();
  });
});

describe('a connection', () => {
  let api: Api;

  beforeAll(async () => {
    api = await startApi('sqlite', { env: { KEEP_ALIVE_TIMEOUT: '620' } });
    for (let index = 0; index < 30; index += 1)
      await addCourse(api.database, { title: `Course ${index} of many with a long title` });
  });
  afterAll(() => api.stop());

  function get(
    query: string,
    encoding: string,
    agent?: Agent,
  ): Promise<{ headers: IncomingMessage['headers']; body: Buffer }> {
    return new Promise((resolve, reject) => {
      const url = `${api.url}?${new URLSearchParams({ query })}`;
      httpGet(url, { agent, headers: { 'apollo-require-preflight': '1', 'accept-encoding': encoding } }, response => {
        const parts: Buffer[] = [];
        response
          .on('data', (part: Buffer) => parts.push(part))
          .on('end', () => resolve({ headers: response.headers, body: Buffer.concat(parts) }));
      }).on('error', reject);
    });
  }

  it('a connection carries large answers compressed, as the client accepts it, and small ones as they are', async () => {
    const query = '{ courses(first: 30) { nodes { id title totalEnrollments } } }';
    const plain = await get(query, 'identity');
    expect(plain.headers['content-encoding']).toBeUndefined();
    const [br, gzip] = [await get(query, 'gzip, deflate, br'), await get(query, 'gzip')];
    expect(br.headers.vary!.toLowerCase().split(', ')).toContain('accept-encoding');
    expect([br.headers['content-encoding'], gzip.headers['content-encoding']]).toEqual(['br', 'gzip']);
    expect(brotliDecompressSync(br.body)).toEqual(plain.body);
    expect(gunzipSync(gzip.body)).toEqual(plain.body);
    expect(br.body.length * 4).toBeLessThan(plain.body.length);
    expect(br.headers.etag).toBe(plain.headers.etag);
    expect((await get('{ courses(first: 1) { nodes { id } } }', 'br')).headers['content-encoding']).toBeUndefined();
  });

  it('a connection carries answers of 1,400 bytes or more compressed, by brotli at level 4 or as the client prefers', async () => {
    const app = fastify();
    await compressAndTag(app);
    const text = 'Counts that cannot lie. '.repeat(100);
    app.get('/:length', request => text.slice(0, Number((request.params as { length: string }).length)));
    const of = async (length: number, encoding: string) => {
      const { headers, rawPayload } = await app.inject({ url: `/${length}`, headers: { 'accept-encoding': encoding } });
      return { encoding: headers['content-encoding'], rawPayload };
    };
    expect([(await of(1399, 'br')).encoding, (await of(1400, 'br')).encoding]).toEqual([undefined, 'br']);
    expect((await of(1400, 'br')).rawPayload).toEqual(
      brotliCompressSync(text.slice(0, 1400), { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }),
    );
    expect([
      (await of(1400, 'br;q=0.5, gzip;q=1')).encoding,
      (await of(1400, 'br;q=1, gzip;q=0.5')).encoding,
      (await of(1400, 'zstd, br;q=0')).encoding,
    ]).toEqual(['gzip', 'br', undefined]);
    await app.close();
  });

  it('a connection carries events uncompressed, because compression would delay them', async () => {
    const app = fastify();
    await compressAndTag(app);
    app.get('/', (_request, reply) =>
      reply.type('text/event-stream; charset=utf-8').send(Readable.from(['data: 1\n\n'])),
    );
    const { headers, body } = await app.inject({ url: '/', headers: { 'accept-encoding': 'br, gzip' } });
    expect([headers['content-encoding'], body]).toEqual([undefined, 'data: 1\n\n']);
    await app.close();
  });

  it('a connection gives a request 10 s for its headers and 30 s in all, checked every 5 s', async () => {
    const listening = new Promise<Server>(resolve => {
      const onRequest = (message: unknown): void => {
        const { request, server } = message as { request: IncomingMessage; server: Server };
        if (request.socket.localPort !== Number(new URL(api.url).port)) return;
        unsubscribe('http.server.request.start', onRequest);
        resolve(server);
      };
      subscribe('http.server.request.start', onRequest);
    });
    await get('{ __typename }', 'identity');
    expect(await listening).toMatchObject({
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      connectionsCheckingInterval: 5_000,
    });
  });

  it('a connection stays open for the next request, for as long as configured', async () => {
    const agent = new Agent({ keepAlive: true });
    expect((await get('{ __typename }', 'identity', agent)).headers).toMatchObject({
      connection: 'keep-alive',
      'keep-alive': 'timeout=620',
    });
    agent.destroy();
  });
});
