import { describe, expect, it } from 'vitest';
import { readConfig } from '../../../src/config.js';
import { examineRates } from '../../../src/services/doctor/rates.js';
import { redisProgram, startRedis } from '../../support/redis.js';
import { freePort } from '../../support/server.js';

/** Gives what is found of the limits of rates, as lines of status and message. */
async function found(env: Record<string, string>): Promise<string[]> {
  return (await examineRates(readConfig(env), 5000)).map(({ status, message }) => `${status} ${message}`);
}

describe('the check of the limits of rates', () => {
  it('says whose addresses are counted', async () => {
    expect(await found({})).toEqual(['ok Limits count the addresses of connections; behind a proxy, set TRUST_PROXY, or all its clients count as one.']);
    expect(await found({ TRUST_PROXY: '2' })).toEqual(['ok Limits count the addresses that so many proxies as TRUST_PROXY says (2) report in X-Forwarded-For.']);
    expect(await found({ TRUST_PROXY: '10.0.0.5,loopback' })).toEqual(['ok Limits count the addresses that the proxies 10.0.0.5, loopback report in X-Forwarded-For.']);
  });

  it('warns of limits that are off, and of an X-Forwarded-For that is believed of everybody', async () => {
    expect(await found({ RATE_LIMIT: 'off' })).toEqual([expect.stringMatching(/^warning RATE_LIMIT is off/)]);
    expect(await found({ TRUST_PROXY: 'on' })).toEqual([expect.stringMatching(/^warning TRUST_PROXY is on: /)]);
  });

  it('fails where Redis does not answer, without its password', async () => {
    const url = `redis://default:hidden@127.0.0.1:${await freePort()}`;
    const [, redis] = await found({ RATE_LIMIT_REDIS_URL: url });
    expect(redis).toBe('failed Redis does not answer: ECONNREFUSED. Requests pass without a limit on their rate.');
  });

  it.runIf(redisProgram() !== undefined)('says whether Redis answers, and takes the password', async ({ onTestFinished }) => {
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    expect(await found({ RATE_LIMIT_REDIS_URL: redis.url })).toContain('ok Redis answers, so all servers count the points of clients together.');
    const [, refused] = await found({ RATE_LIMIT_REDIS_URL: redis.wrongUrl });
    expect(refused).toMatch(/^failed Redis does not answer: (WRONGPASS|NOAUTH) /);
    expect(refused).not.toContain('the-word');
  });
});
