import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { KnownOperations } from '../../src/graphql/documents/known-operations.js';
import { newRecord } from '../../src/http/observability/request-record.js';
import { takeShortWay, type ShortWayParts } from '../../src/http/short-way/short-way.js';
import { documentRules as rules } from '../support/document-rules.js';

/** Sends a query to a server whose short way has other parts. */
async function answerWith(parts: Partial<ShortWayParts>): Promise<Response> {
  const server = createServer((_request, response) => response.end('the long way'));
  takeShortWay(server, {
    operations: new KnownOperations(rules, { usesBefore: 0, mostPerSecond: 5 }),
    textOf: () => undefined,
    requests: {
      begin: () => ({ record: newRecord('1'), within: work => work(), ready: () => undefined, over: () => undefined }),
    },
    inFlight: {
      isClosing: false,
      arrive: () => undefined,
      ready: () => false,
      over: () => undefined,
      isLast: () => false,
      isOnTime: () => true,
    } as unknown as ShortWayParts['inFlight'],
    load: {
      shed: { event_loop: 0, backlog: 0, heap: 0, other: 0 },
      isOverloaded: () => false,
      begin: () => () => undefined,
    },
    knownViewer: () => undefined,
    contextOf: () => ({ select: () => undefined, userErrorCodes: [] }) as never,
    limits: null,
    clientAddressOf: () => '127.0.0.1',
    format: formatted => formatted,
    plugins: [],
    headers: {},
    hasCors: false,
    trustsProxy: false,
    requestSeconds: 10,
    writeSeconds: 10,
    ...parts,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify({ query: '{ __typename }' }),
  });
}

describe('a failure outside of the fields, on the short way,', () => {
  it('a failure outside of the fields is answered as an internal error that the formatter has seen', async () => {
    const seen: unknown[] = [];
    const failure = new Error('a part of the server failed');
    const response = await answerWith({
      contextOf() {
        throw failure;
      },
      format(_formatted, error) {
        seen.push(error);
        return { message: 'Something failed.', extensions: { code: 'INTERNAL_SERVER_ERROR' } };
      },
    });
    expect([response.status, await response.json()]).toEqual([
      500,
      { errors: [{ message: 'Something failed.', extensions: { code: 'INTERNAL_SERVER_ERROR' } }] },
    ]);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(seen).toEqual([failure]);
  });

  it('a failure outside of the fields closes the connection if not even that can be answered', async () => {
    const failed = answerWith({
      contextOf() {
        throw new Error('a part of the server failed');
      },
      format() {
        throw new Error('the formatter failed too');
      },
    });
    await expect(failed).rejects.toThrow('fetch failed');
  });

  it('a failure outside of the fields does not hinder an answer without one', async () => {
    expect(await (await answerWith({})).json()).toEqual({ data: { __typename: 'Query' } });
  });
});
