import { describe, expect, it } from 'vitest';
import { readConfig } from '../../../src/config/config.js';
import { examineRates } from '../../../src/tools/doctor/rates.js';
import { redisProgram, startRedis } from '../../support/redis.js';
import { freePort } from '../../support/free-port.js';

/** Returns the findings about rate limits, as lines of status and message. */
async function found(env: Record<string, string>, apiUrl?: string): Promise<string[]> {
  return (await examineRates(readConfig(env), 5000, apiUrl)).map(({ status, message }) => `${status} ${message}`);
}

describe('the check of the rate limits', () => {
  it('the check of the rate limits says whose addresses are counted, and how much each client has', async () => {
    const amounts =
      'ok An address has 1000000 points for 10 s, a viewer 500000 for 10 s, at each server; several servers count them together with RATE_LIMIT_REDIS_URL.';
    expect(await found({})).toEqual([
      'ok Limits count the addresses of connections; behind a proxy, set TRUST_PROXY, or all its clients count as one.',
      amounts,
    ]);
    expect(await found({ TRUST_PROXY: '2' })).toEqual([
      'ok Limits count the addresses that so many proxies as TRUST_PROXY says (2) report in X-Forwarded-For.',
      amounts,
    ]);
    expect(await found({ TRUST_PROXY: '10.0.0.5,loopback' })).toEqual([
      'ok Limits count the addresses that the proxies 10.0.0.5, loopback report in X-Forwarded-For.',
      amounts,
    ]);
  });

  it('the check of the rate limits warns of limits that are off, and of an X-Forwarded-For that is believed from everybody', async () => {
    expect(await found({ RATE_LIMIT: 'off' })).toEqual([expect.stringMatching(/^warning RATE_LIMIT is off/)]);
    expect((await found({ TRUST_PROXY: 'on' }))[0]).toMatch(/^warning TRUST_PROXY is on: /);
  });

  it('the check of the rate limits warns of a server behind an unknown proxy', async () => {
    expect((await found({}, 'https://api.school.example/graphql'))[0]).toMatch(
      /^warning The server is asked by HTTPS, so there is a proxy before it, and TRUST_PROXY is off/,
    );
    for (const [env, url] of [
      [{}, 'http://127.0.0.1:4000/graphql'],
      [{ TRUST_PROXY: '1' }, 'https://api.school.example/graphql'],
    ] as const)
      expect((await found(env, url))[0]).toMatch(/^ok Limits count the addresses/);
  });

  it('the check of the rate limits fails where Redis does not answer, without its password', async () => {
    const url = `redis://default:hidden@127.0.0.1:${await freePort()}`;
    const [, redis] = await found({ RATE_LIMIT_REDIS_URL: url });
    expect(redis).toBe('failed Redis does not answer: ECONNREFUSED. Requests pass without a limit on their rate.');
  });

  it.runIf(redisProgram() !== undefined)(
    'the check of the rate limits says whether Redis answers, and sends the password',
    async ({ onTestFinished }) => {
      const redis = await startRedis();
      onTestFinished(() => redis.stop());
      expect(await found({ RATE_LIMIT_REDIS_URL: redis.url })).toContain(
        'ok An address has 1000000 points for 10 s, a viewer 500000 for 10 s, at all servers together: Redis answers.',
      );
      const [, refused] = await found({ RATE_LIMIT_REDIS_URL: redis.wrongUrl });
      expect(refused).toMatch(/^failed Redis does not answer: (WRONGPASS|NOAUTH) /);
      expect(refused).not.toContain('the-word');
    },
  );
});
