import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addCourse, startApi, type Api } from '../../support/api.js';
import { steppedClock } from '../../support/stepped-clock.js';

const ORIGIN = 'https://school.example';

describe('the stream of events', () => {
  let api: Api;

  beforeEach(async () => {
    api = await startApi('sqlite', { clock: steppedClock(), env: { CORS_ORIGINS: ORIGIN } });
  });
  afterEach(() => api.stop());

  const parameters = new URLSearchParams({
    query: 'subscription { courseCountsChanged { courseId course { title totalEnrollments } } }',
  });
  const stream = (headers: Record<string, string>, signal?: AbortSignal): Promise<Response> =>
    fetch(`${api.url}/stream?${parameters}`, { headers, ...(signal && { signal }) });

  /** Reads until the text is received, and disconnects. */
  async function textUntil(response: Response, part: string): Promise<string> {
    let text = '';
    for await (const bytes of response.body!) {
      text += Buffer.from(bytes).toString();
      if (text.includes(part)) return text;
    }
    throw new Error(`The stream ended without ${part}: ${text}`);
  }

  it('a stream of events is served by GET as EventSource requests it, without a token, and nothing on the way may delay it', async () => {
    // Longer than the threshold of compression.
    const course = await addCourse(api.database, { title: 'Long'.repeat(60) });
    for (let more = 0; more < 20; more += 1) await addCourse(api.database, { title: 'Long'.repeat(60) });
    const response = await stream({
      accept: 'text/event-stream',
      'accept-encoding': 'gzip, br',
      'cache-control': 'no-cache',
    });
    const { headers } = response;
    // The package says "none" to proxies: an encoding would delay events until it has enough of them.
    expect([
      response.status,
      headers.get('content-type'),
      headers.get('content-encoding'),
      headers.get('etag'),
    ]).toEqual([200, 'text/event-stream; charset=utf-8', 'none', null]);
    expect([headers.get('cache-control'), headers.get('x-accel-buffering')]).toEqual(['no-cache', 'no']);
    const text = await textUntil(response, `"courseId":"${course + 20}"`);
    expect(text).toContain(
      `event: next\ndata: {"data":{"courseCountsChanged":{"courseId":"${course}","course":{"title":"${'Long'.repeat(60)}","totalEnrollments":0}}}}\n\n`,
    );
  });

  it('a stream of events may be read by pages of the allowed origins, and by no others', async () => {
    await addCourse(api.database);
    const allowed = async (origin: string): Promise<string | null> => {
      const leave = new AbortController();
      const { headers } = await stream({ accept: 'text/event-stream', origin }, leave.signal);
      leave.abort();
      return headers.get('access-control-allow-origin');
    };
    expect([await allowed(ORIGIN), await allowed('https://other.example')]).toEqual([ORIGIN, null]);
    const asked = {
      origin: ORIGIN,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type',
    };
    const { status, headers } = await fetch(`${api.url}/stream`, { method: 'OPTIONS', headers: asked });
    expect([status, headers.get('access-control-allow-origin'), headers.get('access-control-allow-headers')]).toEqual([
      204,
      ORIGIN,
      'authorization,content-type',
    ]);
  });

  it('a stream of events is rejected for a client that does not accept events, or asks for nothing', async () => {
    const refusals = [
      await stream({ accept: 'application/json' }),
      await fetch(`${api.url}/stream`, { headers: { accept: 'text/event-stream' } }),
    ];
    expect(refusals.map(({ status }) => status)).toEqual([406, 400]);
    for (const refusal of refusals)
      expect(await refusal.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
  });

  it.each([[{ toString: 1, valueOf: null }], [[]], [5], [true]])(
    'a stream of events is rejected if the name of its operation is not a text: %j',
    async operationName => {
      const body = JSON.stringify({ query: 'subscription One { courseCountsChanged { courseId } }', operationName });
      const refusal = await fetch(`${api.url}/stream`, {
        method: 'POST',
        headers: { accept: 'text/event-stream', 'content-type': 'application/json' },
        body,
      });
      expect([refusal.status, await refusal.json()]).toMatchObject([
        400,
        {
          errors: [
            {
              message: expect.stringContaining('"operationName" is not a string'),
              extensions: { code: 'BAD_REQUEST' },
            },
          ],
        },
      ]);
    },
  );
});
